// A device of host memory: Paddle sees a place of its own, and runs its CPU kernels on copies.
#include <cstdlib>
#include <cstring>

#include "paddle/phi/backends/device_ext.h"

namespace {

C_Status okay(const C_Device) { return C_SUCCESS; }
C_Status nothing() { return C_SUCCESS; }
C_Status get_device(const C_Device device) { device->id = 0; return C_SUCCESS; }
C_Status count(size_t* n) { *n = 1; return C_SUCCESS; }
C_Status list(size_t* devices) { devices[0] = 0; return C_SUCCESS; }

C_Status make_stream(const C_Device, C_Stream* stream) { *stream = nullptr; return C_SUCCESS; }
C_Status with_stream(const C_Device, C_Stream) { return C_SUCCESS; }
C_Status callback(const C_Device device, C_Stream stream, C_Callback call, void* data) {
  C_Status status = C_SUCCESS;
  call(device, stream, data, &status);
  return status;
}
C_Status make_event(const C_Device, C_Event* event) { *event = nullptr; return C_SUCCESS; }
C_Status with_event(const C_Device, C_Event) { return C_SUCCESS; }
C_Status with_both(const C_Device, C_Stream, C_Event) { return C_SUCCESS; }

C_Status allocate(const C_Device, void** at, size_t size) {
  *at = std::malloc(size);
  return *at ? C_SUCCESS : C_FAILED;
}
C_Status release(const C_Device, void* at, size_t) { std::free(at); return C_SUCCESS; }
C_Status fill(const C_Device, void* at, unsigned char value, size_t size) {
  std::memset(at, value, size);
  return C_SUCCESS;
}
C_Status copy(const C_Device, void* to, const void* from, size_t size) {
  std::memcpy(to, from, size);
  return C_SUCCESS;
}
C_Status copy_later(const C_Device, C_Stream, void* to, const void* from, size_t size) {
  std::memcpy(to, from, size);
  return C_SUCCESS;
}
C_Status copy_across(const C_Device, const C_Device, void* to, const void* from, size_t size) {
  std::memcpy(to, from, size);
  return C_SUCCESS;
}
C_Status copy_across_later(const C_Device, const C_Device, C_Stream, void* to, const void* from, size_t size) {
  std::memcpy(to, from, size);
  return C_SUCCESS;
}
C_Status memory(const C_Device, size_t* total, size_t* free) {
  *total = *free = size_t{8} << 30;
  return C_SUCCESS;
}
C_Status chunk(const C_Device, size_t* size) { *size = 512; return C_SUCCESS; }
C_Status number(const C_Device, size_t* n) { *n = 1; return C_SUCCESS; }

}  // namespace

extern "C" void InitPlugin(CustomRuntimeParams* params) {
  PADDLE_CUSTOM_RUNTIME_CHECK_VERSION(params);
  params->device_type = const_cast<char*>("fake");
  params->sub_device_type = const_cast<char*>("memory");
  auto* device = params->interface;
  std::memset(reinterpret_cast<char*>(device) + sizeof(size_t), 0, sizeof(C_DeviceInterface) - sizeof(size_t));
  device->size = sizeof(C_DeviceInterface);
  device->initialize = nothing;
  device->finalize = nothing;
  device->init_device = okay;
  device->set_device = okay;
  device->get_device = get_device;
  device->deinit_device = okay;
  device->create_stream = make_stream;
  device->destroy_stream = with_stream;
  device->query_stream = with_stream;
  device->stream_add_callback = callback;
  device->create_event = make_event;
  device->record_event = with_both;
  device->destroy_event = with_event;
  device->query_event = with_event;
  device->synchronize_device = okay;
  device->synchronize_stream = with_stream;
  device->synchronize_event = with_event;
  device->stream_wait_event = with_both;
  device->device_memory_allocate = allocate;
  device->device_memory_deallocate = release;
  device->device_memory_set = fill;
  device->host_memory_allocate = allocate;
  device->host_memory_deallocate = release;
  device->memory_copy_h2d = copy;
  device->memory_copy_d2h = copy;
  device->memory_copy_d2d = copy;
  device->memory_copy_p2p = copy_across;
  device->async_memory_copy_h2d = copy_later;
  device->async_memory_copy_d2h = copy_later;
  device->async_memory_copy_d2d = copy_later;
  device->async_memory_copy_p2p = copy_across_later;
  device->get_device_count = count;
  device->get_device_list = list;
  device->device_memory_stats = memory;
  device->device_min_chunk_size = chunk;
  device->get_compute_capability = number;
  device->get_runtime_version = number;
  device->get_driver_version = number;
}
