"""The protocol's parameters, declared once."""

from integrations.mlflow.reading import BOOLEAN, INTEGER, STRINGS, TAGS, Param
from integrations.mlflow.validation import DESCRIPTION_MAX, LINK_MAX, SOURCE_MAX, TEXT_MAX

NAME = Param("name", required=True)
NEW_NAME = Param("new_name", required=True)
VERSION = Param("version", required=True)
ALIAS = Param("alias", required=True)
KEY = Param("key", required=True)
VALUE = Param("value")
DESCRIPTION = Param("description", limit=DESCRIPTION_MAX)
TAG_LIST = Param("tags", TAGS)
SOURCE = Param("source", required=True, limit=SOURCE_MAX)
RUN_ID = Param("run_id", limit=TEXT_MAX)
RUN_LINK = Param("run_link", limit=LINK_MAX)
MODEL_ID = Param("model_id", limit=TEXT_MAX)
STAGE = Param("stage", required=True)
STAGES = Param("stages", STRINGS)
ARCHIVE = Param("archive_existing_versions", BOOLEAN)
FILTER = Param("filter")
MAX_RESULTS = Param("max_results", INTEGER)
ORDER_BY = Param("order_by", STRINGS)
PAGE_TOKEN = Param("page_token")

SEARCH = (FILTER, MAX_RESULTS, ORDER_BY, PAGE_TOKEN)
