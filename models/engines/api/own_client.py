"""The official clients, told everything by our own settings: nothing of the environment's reaches an endpoint.

The client reads OPENAI_API_KEY, OPENAI_ADMIN_KEY, OPENAI_ORG_ID, OPENAI_PROJECT_ID, OPENAI_BASE_URL and
OPENAI_CUSTOM_HEADERS (openai 3.54), and would send what belongs to one's account at OpenAI to any other
endpoint. Proxies of the environment (HTTPS_PROXY) are no part of that: the HTTP client still uses them.
"""

from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import parse_qs, unquote, urlsplit

from openai import AsyncOpenAI, OpenAI, omit
from openai import Omit as Omitted
from openai._qs import Querystring
from pydantic import SecretStr

from models.engines.api.reply_limits import ACCEPTED

AUTHORIZATION = "authorization"

Headers = dict[str, str | Omitted]


def headers_of(headers: Mapping[str, SecretStr], *, bearer: bool, user_agent: str) -> Headers:
    """Return what every request carries. Without `bearer`, or with an Authorization of one's own, no key goes with it."""
    own = {name: value.get_secret_value() for name, value in headers.items()}
    kept: Headers = {
        "Accept": "application/json",
        "Accept-Encoding": ACCEPTED,
        "Content-Type": "application/json",
        "User-Agent": user_agent,
    }
    if not bearer and AUTHORIZATION not in {name.lower() for name in own}:
        kept["Authorization"] = omit
    return {**kept, **own}


def secrets_of(base_url: str, key: SecretStr, headers: Mapping[str, SecretStr]) -> list[str]:
    """Return what an endpoint is sent and nobody else may see: the key, the headers, and what its address holds."""
    parts = urlsplit(base_url)
    told = [unquote(one) for one in (parts.username, parts.password) if one]
    told += [value for values in parse_qs(parts.query).values() for value in values]
    return [key.get_secret_value(), *(one.get_secret_value() for one in headers.values()), *told]


def no_cookies() -> CookieJar:
    """Return a jar that takes no cookie: an endpoint's is nothing that we want, and may be one that no request can carry."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


class _OwnRequests:
    """What both clients do their own way; `own_headers` is what they send beside the key, `bearer` whether they send the key."""

    user_agent: str

    own_headers: Mapping[str, SecretStr] = {}
    bearer = True

    @property
    def default_headers(self) -> Headers:
        """What every request carries."""
        return headers_of(self.own_headers, bearer=self.bearer, user_agent=self.user_agent)

    @property
    def qs(self) -> Querystring:
        """Writes a repeated name of a query as it was given, not as `name[]`."""
        return Querystring(array_format="repeat")

    def _validate_headers(self, headers: object, custom_headers: object) -> None:
        """Take any headers: an endpoint of one's own may want no key."""


class AsyncOwnClient(_OwnRequests, AsyncOpenAI):
    """The asynchronous client."""


class OwnClient(_OwnRequests, OpenAI):
    """The synchronous client."""
