"""Words of the protocol. The portal governs environments; a stage is no more than a label of a version."""

from registry.states import RegistryStage

STAGES = tuple(RegistryStage.values)
ACTIVE_STAGES = (RegistryStage.STAGING.value, RegistryStage.PRODUCTION.value)

PROMPT_TAG = "mlflow.prompt.is_prompt"
