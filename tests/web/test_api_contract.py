"""Does the API answer as its own document says, whatever is sent?"""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from store import tokens
from store.tokens import Token
from web.app import make_app

EXAMPLES = 30
#: method and path as in the document; one that is missing here fails the test of the document in test_api.py
OPERATIONS = (
    ("/matters", "GET"),
    ("/matters/{matter}", "GET"),
    ("/notices", "GET"),
    ("/visits", "POST"),
    ("/petitions", "POST"),
    ("/petition_events", "POST"),
    ("/project_events", "POST"),
    ("/acknowledgements", "POST"),
)


@pytest.fixture
def secret(house):
    with house.engine.begin() as connection:
        made = Token(id="contract", scope="write", created_at=house.clock.now())
        return tokens.add(connection, made, actor="test")


@pytest.fixture
def document(house):
    # Some checks ask by themselves, under this name.
    house.services.settings = house.services.settings.model_copy(update={"public_url": "http://testserver"})
    loaded = schemathesis.openapi.from_asgi("/api/v1/openapi.json", make_app(house.services, house.desks))
    # Each call bears its token: a request is not wrong for want of one.
    loaded.config.generation.update(with_security_parameters=False)
    return loaded


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_no_answer_is_a_failure_or_undocumented(document, secret, path, method, mode):
    operation = document[path][method]
    statuses = set()

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case):
        answer = case.call(headers={"Authorization": f"Bearer {secret}"})
        statuses.add(answer.status_code)
        case.validate_response(answer)

    check()
    assert statuses
