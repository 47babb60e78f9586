"""Words of the protocol. The portal governs environments; a stage is a label of a version.

Production is protected as the alias of that name is: clients load by both.
"""

from registry.states import RegistryStage

STAGES = tuple(RegistryStage.values)
ACTIVE_STAGES = (RegistryStage.STAGING.value, RegistryStage.PRODUCTION.value)

PROMPT_TAG = "mlflow.prompt.is_prompt"
