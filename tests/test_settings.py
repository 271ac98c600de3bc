"""Variables: names, defaults, grammars, and what happens to values that cannot be used."""

import pytest

from fastext.settings import (
    LAMBDA_PREFIX,
    LOG_LEVELS,
    VARIABLES,
    Settings,
    parse_duration,
)


def read(in_lambda=True, **values):
    return Settings.from_env(
        {LAMBDA_PREFIX + name: value for name, value in values.items()}, in_lambda=in_lambda
    )


def test_the_defaults_are_those_of_the_original():
    settings = read()
    assert settings.http_port == 2772
    assert settings.log_level == "info"
    assert settings.max_connections == 3
    assert settings.poll_interval_s == 45
    assert settings.poll_timeout_s == 3
    for field in ("prefetch_list", "proxy_headers", "proxy_url", "role_arn", "role_external_id",
                  "role_session_name", "service_region"):  # fmt: skip
        assert getattr(settings, field) is None
    assert settings.problems == ()


def test_every_variable_has_a_field_and_a_line_of_help():
    settings = read()
    for variable in VARIABLES:
        assert hasattr(settings, variable.field)
        assert variable.help.endswith(".")
        assert variable.unit
    assert len({variable.name for variable in VARIABLES}) == len(VARIABLES)


@pytest.mark.parametrize(
    ("text", "bare_unit", "seconds"),
    [("45", "s", 45), ("45s", "s", 45), ("5m", "s", 300), ("1h", "s", 3600), ("3000", "ms", 3),
     ("300ms", "s", 0.3), ("5s", "ms", 5), ("1h30m", "s", 5400), ("1.5s", "s", 1.5),
     (" 10 ", "s", 10), ("100us", "s", 1e-4), ("0.5", "s", 0.5)],
)  # fmt: skip
def test_durations_have_units_or_the_variable_s_own(text, bare_unit, seconds):
    assert parse_duration(text, bare_unit) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "0", "0s", "-5", "5 s", "s", "5x", "1.2.3", "inf", "nan", "1e3", "٣", "99999h"]
)
def test_anything_else_is_no_duration(text):
    with pytest.raises(ValueError, match=r"^is "):
        parse_duration(text, "s")


@pytest.mark.parametrize("level", LOG_LEVELS)
def test_log_levels_are_read_in_any_case(level):
    assert read(LOG_LEVEL=level.title()).log_level == level


def test_the_level_that_lambda_sets_holds_where_ours_does_not_and_only_there():
    lambda_s = {"AWS_LAMBDA_LOG_LEVEL": "WARN", "AWS_LAMBDA_LOG_FORMAT": "JSON"}
    ours = {LAMBDA_PREFIX + "LOG_LEVEL": "debug"}
    inside = Settings.from_env(lambda_s, in_lambda=True)
    assert (inside.log_level, inside.log_json) == ("warn", True)
    assert Settings.from_env(lambda_s | ours, in_lambda=True).log_level == "debug"
    outside = Settings.from_env(lambda_s, in_lambda=False)
    assert (outside.log_level, outside.log_json) == ("info", False)
    assert not Settings.from_env({"AWS_LAMBDA_LOG_FORMAT": "Text"}, in_lambda=True).log_json


@pytest.mark.parametrize(
    ("text", "pairs"),
    [("a: b", (("a", "b"),)), ("h1: v1, h2: v2", (("h1", "v1"), ("h2", "v2"))),
     ("x-token:  a b ", (("x-token", "a b"),)), ("a: b, c", (("a", "b, c"),)),
     ("a: http://x:1", (("a", "http://x:1"),))],
)  # fmt: skip
def test_proxy_headers_are_pairs(text, pairs):
    assert read(PROXY_HEADERS=text).proxy_headers == pairs


def test_lists_are_split_at_commas():
    assert read(PREFETCH_LIST=" a:b:c , /x ,,").prefetch_list == ("a:b:c", "/x")


@pytest.mark.parametrize(
    ("name", "value", "field", "held"),
    [("HTTP_PORT", "0", "http_port", "2772"), ("HTTP_PORT", "65536", "http_port", "2772"),
     ("HTTP_PORT", "http", "http_port", "2772"), ("LOG_LEVEL", "loud", "log_level", "info"),
     ("MAX_CONNECTIONS", "0", "max_connections", "3"),
     ("MAX_CONNECTIONS", "3.5", "max_connections", "3"),
     ("POLL_INTERVAL_SECONDS", "soon", "poll_interval_s", "45"),
     ("POLL_TIMEOUT_MILLIS", "-1", "poll_timeout_s", "3000"),
     ("SERVICE_ENDPOINT", "localhost", "service_endpoint", "nothing"),
     ("SERVICE_ENDPOINT", "http://a:b", "service_endpoint", "nothing"),
     ("SERVICE_ENDPOINT", "http://a:0", "service_endpoint", "nothing"),
     ("SERVICE_ENDPOINT", "https://:443", "service_endpoint", "nothing"),
     ("SERVICE_ENDPOINT", "http://[::1", "service_endpoint", "nothing"),
     ("SERVICE_ENDPOINT", "http://a b", "service_endpoint", "nothing"),
     ("SERVICE_REGION", "eu west", "service_region", "nothing"),
     ("SERVICE_REGION", "eu-west-1.", "service_region", "nothing")],
)  # fmt: skip
def test_a_bad_value_is_said_and_the_default_holds(name, value, field, held):
    settings = read(**{name: value})
    assert getattr(settings, field) == getattr(read(), field)
    (problem,) = settings.problems
    assert problem.startswith(f"{LAMBDA_PREFIX}{name}: '{value}' is not ")
    assert problem.endswith(f"; using {held} instead")


@pytest.mark.parametrize(
    ("name", "value"),
    [("PROXY_URL", "secret"), ("PROXY_URL", "http://u:secret@h:99999"),
     ("PROXY_HEADERS", "secret"), ("PROXY_HEADERS", "a: secret \u20ac")],
)  # fmt: skip
def test_a_bad_secret_is_not_shown(name, value):
    (problem,) = read(**{name: value}).problems
    assert "secret" not in problem


@pytest.mark.parametrize(
    ("value", "shown"),
    [("ftp://u:secret@h", "ftp://***@h"), ("u:secret@h", "***@h"),
     ("ftp://u:secret@secret@h/p", "ftp://***@h/p"), ("http://u:secret/x@h:y", "http://***@h:y")],
)  # fmt: skip
def test_of_a_bad_url_no_user_and_no_password_is_shown(value, shown):
    (problem,) = read(SERVICE_ENDPOINT=value).problems
    assert problem.startswith(f"{LAMBDA_PREFIX}SERVICE_ENDPOINT: '{shown}' is not ")


@pytest.mark.parametrize(
    "url",
    ["http://h", "https://u:p@h:1/", "HTTP://[::1]:3128", "http://[::1]", "http://h:/p?q"],
)  # fmt: skip
def test_urls_are_taken_as_they_are(url):
    assert read(PROXY_URL=url).proxy_url == url


def test_an_empty_value_is_no_value():
    assert read(HTTP_PORT=" ").problems == ()


def test_outside_lambda_the_agent_s_names_count_and_the_prefixed_ones_win():
    environ = {"POLL_INTERVAL": "20", "REQUEST_TIMEOUT": "2s", "HTTP_PORT": "1"}
    agent = Settings.from_env({**environ, LAMBDA_PREFIX + "HTTP_PORT": "2"}, in_lambda=False)
    assert (agent.poll_interval_s, agent.poll_timeout_s, agent.http_port) == (20, 2, 2)
    in_lambda = Settings.from_env(environ, in_lambda=True)
    assert (in_lambda.poll_interval_s, in_lambda.http_port) == (45, 2772)


def test_variables_of_our_own_have_one_name_everywhere():
    for in_lambda in (True, False):
        settings = Settings.from_env({"FASTEXT_DATA_CLIENT": "Botocore"}, in_lambda=in_lambda)
        assert settings.data_client == "botocore"
    (problem,) = Settings.from_env({"FASTEXT_DATA_CLIENT": "curl"}, in_lambda=True).problems
    assert (
        problem
        == "FASTEXT_DATA_CLIENT: 'curl' is not one of direct, botocore; using direct instead"
    )
