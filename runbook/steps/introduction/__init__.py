"""Introduction: what this machine is, and which of its devices a guest may have."""

from __future__ import annotations

from runbook.steps.introduction import keep_survey, survey_debian, survey_devices, survey_machine

NOTEBOOK = "00_introduction"
STEPS = (survey_machine, survey_debian, survey_devices, keep_survey)
