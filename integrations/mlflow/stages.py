"""The protocol's stages. The portal governs environments instead; a stage here is a label of the version."""

NONE, STAGING, PRODUCTION, ARCHIVED = "None", "Staging", "Production", "Archived"
STAGES = (NONE, STAGING, PRODUCTION, ARCHIVED)
ACTIVE_STAGES = (STAGING, PRODUCTION)

PROMPT_TAG = "mlflow.prompt.is_prompt"
