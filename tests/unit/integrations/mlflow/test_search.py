"""Searches: filters on real rows, orderings, pages, prompts."""

import pytest

MODELS, VERSIONS = "registered-models/search", "model-versions/search"
PROMPT = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]


def names(door, **query):
    return [model["name"] for model in door.ok("GET", MODELS, **query).get("registered_models", [])]


def numbers(door, **query):
    found = door.ok("GET", VERSIONS, **query).get("model_versions", [])
    return [(version["name"], version["version"]) for version in found]


@pytest.fixture
def shop(door):
    """Four models with tags and versions."""
    for name, team in (("RM4A", "risk"), ("rm4ab", "Risk"), ("50%_off*", "shop"), ("plain", None)):
        tags = [] if team is None else [{"key": "team", "value": team}, {"key": "a key", "value": "1"}]
        door.model(name, versions=2, tags=tags)
    return door


ALL = ["50%_off*", "RM4A", "plain", "rm4ab"]
MODEL_FILTERS = {
    "": ALL,
    "name = 'plain'": ["plain"],
    "name != 'plain'": ["50%_off*", "RM4A", "rm4ab"],
    "name LIKE 'RM4%'": ["RM4A"],
    "name ILIKE 'RM4a%'": ["RM4A", "rm4ab"],
    "name LIKE '_M4A'": ["RM4A"],
    "name LIKE '%*'": ["50%_off*"],
    "name LIKE '%\\%'": [],
    "name LIKE '%%'": ALL,
    "name IN ('plain', 'RM4A')": ["RM4A", "plain"],
    "name NOT IN ('plain', 'RM4A')": ["50%_off*", "rm4ab"],
    "tags.team = 'risk'": ["RM4A"],
    "tags.team != 'risk'": ["50%_off*", "rm4ab"],
    "tags.team ILIKE 'RISK'": ["RM4A", "rm4ab"],
    "tags.team LIKE '%s%' AND tags.`a key` = '1' AND name LIKE '%A'": ["RM4A"],
    "tags.team != 'risk' AND tags.team LIKE 'R%'": ["rm4ab"],
    "tags.Team = 'risk'": [],
    "name = 'x'' OR ''1''=''1'": [],
}
VERSION_FILTERS = {
    "name = 'plain'": {("plain", "1"), ("plain", "2")},
    "name = 'plain' AND version_number > 1": {("plain", "2")},
    "version_number != 1 AND name ILIKE 'rm4%'": {("RM4A", "2"), ("rm4ab", "2")},
    "source_path = 's3://models/plain/1'": {("plain", "1")},
    "source_path LIKE 's3://models/RM%'": {("RM4A", "1"), ("RM4A", "2")},
    "run_id = 'r'": set(),
    "version_number > 99999999999": set(),
}


def test_filters_of_models(shop):
    assert {text: names(shop, filter=text) for text in MODEL_FILTERS} == MODEL_FILTERS


def test_filters_of_versions(shop):
    assert {text: set(numbers(shop, filter=text)) for text in VERSION_FILTERS} == VERSION_FILTERS


def test_orderings(shop):
    assert names(shop, order_by="name DESC") == ["rm4ab", "plain", "RM4A", "50%_off*"]
    shop.ok("POST", "model-versions/create", {"name": "RM4A", "source": "s3://x"})
    assert names(shop, order_by="last_updated_timestamp DESC")[0] == "RM4A"
    assert numbers(shop)[0] == ("RM4A", "3")
    assert numbers(shop, order_by="version_number DESC")[0] == ("RM4A", "3")
    assert numbers(shop, order_by="name ASC")[0] == ("50%_off*", "2")


def pages(door, path, kind, query):
    """Walk all pages; each but the last is full."""
    found, token = [], None
    while True:
        body = door.ok("GET", path, **(query | ({"page_token": token} if token else {})))
        found += body[kind]
        token = body.get("next_page_token")
        if token is None:
            return found
        assert len(body[kind]) == query["max_results"]


def test_pages_are_complete_and_without_doubles(shop):
    for path, kind in ((MODELS, "registered_models"), (VERSIONS, "model_versions")):
        for order in ({}, {"order_by": "name DESC"}, {"order_by": "last_updated_timestamp ASC"}):
            everything = shop.ok("GET", path, max_results=1000, **order)[kind]
            for size in (1, 3, 100):
                assert pages(shop, path, kind, order | {"max_results": size}) == everything


def test_prompts_are_hidden_until_asked_for(door):
    door.model("model", versions=1, tags=[{"key": "fruit", "value": "apple"}])
    door.model("prompt", versions=1, tags=[*PROMPT, {"key": "fruit", "value": "apple"}])
    prompts, models = "tags.`mlflow.prompt.is_prompt` = 'true'", "tags.`mlflow.prompt.is_prompt` != 'true'"
    assert names(door) == ["model"]
    assert names(door, filter="tags.fruit = 'apple'") == ["model"]
    assert names(door, filter="name = 'prompt'") == []
    assert names(door, filter=models) == ["model"]
    assert names(door, filter="tags.`mlflow.prompt.is_prompt` = 'false'") == ["model"]
    assert names(door, filter=prompts) == ["prompt"]
    assert names(door, filter=f"{prompts} AND tags.fruit = 'apple'") == ["prompt"]
    assert names(door, filter=f"{prompts} AND tags.fruit = 'pear'") == []
    assert numbers(door) == [("model", "1")]
    assert numbers(door, filter=prompts) == [("prompt", "1")]


def test_a_tag_hides_no_model_from_the_inventory(door):
    door.model("model")
    body = {"name": "model", "key": "mlflow.prompt.is_prompt", "value": "true"}
    door.ok("POST", "registered-models/set-tag", body)
    assert names(door) == ["model"]


def test_the_lists_of_a_search_give_no_aliases(door):
    door.model("churn", versions=1)
    door.ok("POST", "registered-models/alias", {"name": "churn", "alias": "champion", "version": "1"})
    (model,) = door.ok("GET", MODELS)["registered_models"]
    assert model["aliases"] == [{"alias": "champion", "version": "1"}]
    assert "aliases" not in model["latest_versions"][0]
    assert "aliases" not in door.ok("GET", VERSIONS)["model_versions"][0]
