"""What goes wrong between us and AWS, in sentences that say what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as botocore
from botocore.parsers import ResponseParserError

from copilot.errors import CopilotError, EngineUnavailableError, UsageError

EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
INVALID = frozenset(
    {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidAccessKeyId", "AuthFailure"}
)
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "Forbidden"})
THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "RequestThrottled",
    }
)
_SIGN_IN = "sign in again, with `aws sso login` for example, or choose another profile with AWS_PROFILE; then run this again"
_DENIED_ACTION = re.compile(
    r"(?:User|Principal): (?P<who>\S+) is not authorized to perform: (?P<action>[\w-]+:\w+)(?: on resource: (?P<what>\S+))?"
)


def code_of(error: botocore.ClientError) -> str:
    """The code of AWS's answer, such as ``AccessDenied``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def text_of(error: botocore.ClientError) -> str:
    """The sentence in AWS's answer."""
    return str(error.response.get("Error", {}).get("Message", ""))


@contextmanager
def explained() -> Iterator[None]:
    """Turns what boto3 raises inside into a `CopilotError`."""
    try:
        yield
    except (botocore.BotoCoreError, botocore.ClientError, ResponseParserError) as error:
        raise explain(error) from error


def explain(error: Exception) -> CopilotError:
    """The error of ours that says what an error of boto3 means for a person."""
    if isinstance(error, botocore.ClientError):
        return _of_answer(error)
    if isinstance(error, (botocore.NoCredentialsError, botocore.PartialCredentialsError, botocore.CredentialRetrievalError)):
        return EngineUnavailableError(
            "there are no AWS credentials",
            hint="set them up with `aws configure` or `aws sso login`, or name a profile with AWS_PROFILE",
        )
    if isinstance(error, (botocore.SSOTokenLoadError, botocore.UnauthorizedSSOTokenError, botocore.TokenRetrievalError)):
        return EngineUnavailableError("the AWS single sign-on session has ended", hint="run `aws sso login`, then this again")
    if isinstance(error, botocore.NoRegionError):
        return UsageError("no AWS region is set", hint="set AWS_REGION, or a region in the profile with `aws configure`")
    if isinstance(error, botocore.ProfileNotFound):
        return UsageError(
            f"there is no AWS profile `{error.kwargs['profile']}`", hint="`aws configure list-profiles` lists those there are"
        )
    if isinstance(error, (botocore.EndpointConnectionError, botocore.HTTPClientError)):
        return EngineUnavailableError(f"AWS does not answer: {_sentence(error)}", hint="look at the network, then run this again")
    if isinstance(error, ResponseParserError):
        # Something between us and AWS, such as a proxy, has answered in its place.
        return EngineUnavailableError(
            "the answer is not one of AWS", hint="look at AWS_ENDPOINT_URL and at proxies on the way, then run this again"
        )
    return EngineUnavailableError(f"AWS cannot be asked: {_sentence(error)}")


def _of_answer(error: botocore.ClientError) -> CopilotError:
    code, operation = code_of(error), error.operation_name
    if code in EXPIRED:
        return EngineUnavailableError("the AWS credentials have expired", hint=_SIGN_IN)
    if code in INVALID:
        return EngineUnavailableError("AWS does not accept these credentials", hint=_SIGN_IN)
    if code in DENIED:
        return _denied(text_of(error), operation)
    if code in THROTTLED:
        return EngineUnavailableError(f"AWS answers too many requests at once ({operation})", hint="run this again in a minute")
    return CopilotError(f"AWS refused {operation} ({code}): {text_of(error).strip().rstrip('.') or 'it gave no reason'}")


def _denied(text: str, operation: str) -> CopilotError:
    match = _DENIED_ACTION.search(text)
    if match is None:
        return EngineUnavailableError(
            f"these AWS credentials may not do {operation}", hint="ask whoever runs the AWS account for that permission"
        )
    where = f" on `{match['what']}`" if match["what"] else ""
    return EngineUnavailableError(
        f"`{match['who']}` may not do `{match['action']}`{where}",
        hint=f"ask whoever runs the AWS account to allow `{match['action']}`, or choose another profile with AWS_PROFILE",
    )


def _sentence(error: Exception) -> str:
    return str(error).strip().rstrip(".")
