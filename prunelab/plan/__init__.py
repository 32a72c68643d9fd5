"""scores -> Plan: targets, scopes, schedules, and the JSON format (``plan.schema.json`` beside this file)."""

from __future__ import annotations

from prunelab.plan import schedules
from prunelab.plan.layers import Layers, layers
from prunelab.plan.matching import match
from prunelab.plan.plan import Plan, PlanGroup, as_plan
from prunelab.plan.propose import propose
from prunelab.plan.uniform import EvenMacs

__all__ = ["EvenMacs", "Layers", "Plan", "PlanGroup", "as_plan", "layers", "match", "propose", "schedules"]
