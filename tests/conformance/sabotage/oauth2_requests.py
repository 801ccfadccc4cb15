"""Services whose declarations ask for tokens wrongly, one mistake each (RFC 6749 §4 to §6)."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from conformance.sabotage.oauth2_logins import declare, without
from conformance.saboteurs import Saboteur
from oauthkit import OAuth2Provider

Form = Mapping[str, str]

# What the service's page on codes lists.
_DOCUMENTED = ("grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret")


@attrs.frozen(kw_only=True, repr=False)
class DocumentedMembersAlone(OAuth2Provider):
    """Sends what the page on codes lists, with every grant."""

    def prepare_token(self, form: Form) -> Form:
        """Pick what a code needs; there is no refresh_token in it."""
        return {name: form[name] for name in _DOCUMENTED if name in form}


@attrs.frozen(kw_only=True, repr=False)
class AlwaysACode(OAuth2Provider):
    """Names one grant type, whatever is asked for."""

    def prepare_token(self, form: Form) -> Form:
        """Set the grant type."""
        return {**form, "grant_type": "authorization_code"}


@attrs.frozen(kw_only=True, repr=False)
class PlusSigns(OAuth2Provider):
    """Writes spaces as plus signs by hand: on the wire they are %2B."""

    def prepare_token(self, form: Form) -> Form:
        """Encode once too often."""
        return {name: value.replace(" ", "+") for name, value in form.items()}


@attrs.frozen(kw_only=True, repr=False)
class CommasOnTheQuiet(OAuth2Provider):
    """Joins scopes by commas, and does not declare so: an answer's commas then stay."""

    def prepare_authorization(self, params: Form) -> Form:
        """Put commas between scopes."""
        return {**params, "scope": params.get("scope", "").replace(" ", ",")}


@attrs.frozen(kw_only=True, repr=False)
class ScopesSorted(OAuth2Provider):
    """Sends a set of scopes, and loses one that comes twice, and their order."""

    def prepare_token(self, form: Form) -> Form:
        """Sort the scopes."""
        if "scope" not in form:
            return form
        return {**form, "scope": " ".join(sorted(set(form["scope"].split())))}


@attrs.frozen(kw_only=True, repr=False)
class VerifierDropped(OAuth2Provider):
    """Leaves the verifier out: whoever has the code has the token."""

    def prepare_token(self, form: Form) -> Form:
        """Send no verifier."""
        return without(form, "code_verifier")


@attrs.frozen(kw_only=True, repr=False)
class VerifierRemembered(OAuth2Provider):
    """Sends the verifier that it saw first, for all users."""

    seen: list[str] = attrs.field(factory=list[str], init=False, eq=False)

    def prepare_token(self, form: Form) -> Form:
        """Send the same one each time."""
        self.seen.append(form.get("code_verifier", ""))
        return {**form, "code_verifier": self.seen[0]}


@attrs.frozen(kw_only=True, repr=False)
class RedirectUriDropped(OAuth2Provider):
    """Leaves the redirect URI out of the token request."""

    def prepare_token(self, form: Form) -> Form:
        """Send no redirect URI."""
        return without(form, "redirect_uri")


@attrs.frozen(kw_only=True, repr=False)
class RedirectUriWithoutQuery(OAuth2Provider):
    """Cuts the redirect URI where its query begins."""

    def prepare_token(self, form: Form) -> Form:
        """Send what comes before the question mark."""
        if "redirect_uri" not in form:
            return form
        return {**form, "redirect_uri": form["redirect_uri"].partition("?")[0]}


@attrs.frozen(kw_only=True, repr=False)
class SecretTwice(OAuth2Provider):
    """Sends the secret under the service's old name, too."""

    def prepare_token(self, form: Form) -> Form:
        """Add ``app_secret`` to what is there."""
        return {**form, "app_secret": form["client_secret"]}


@attrs.frozen(kw_only=True, repr=False)
class SecretLost(OAuth2Provider):
    """Takes the secret out of the form, and declares that it is there."""

    def prepare_token(self, form: Form) -> Form:
        """Send no secret."""
        return without(form, "client_secret")


SABOTEURS = [
    Saboteur("token_request_holds_what_was_asked", declare(DocumentedMembersAlone)),
    Saboteur("token_request_holds_what_was_asked", declare(AlwaysACode)),
    Saboteur("token_request_holds_what_was_asked", declare(PlusSigns)),
    Saboteur("scopes_are_joined_as_declared", declare(CommasOnTheQuiet)),
    Saboteur(
        "scopes_are_joined_as_declared", declare(ScopesSorted, grant_types=["client_credentials"])
    ),
    Saboteur("code_verifier_goes_with_the_code", declare(VerifierDropped)),
    Saboteur("code_verifier_goes_with_the_code", declare(VerifierRemembered)),
    Saboteur("redirect_uri_is_sent_again_with_the_code", declare(RedirectUriDropped)),
    Saboteur("redirect_uri_is_sent_again_with_the_code", declare(RedirectUriWithoutQuery)),
    Saboteur(
        "client_authenticates_as_declared",
        declare(SecretTwice, token_endpoint_auth_method="client_secret_post"),
    ),
    Saboteur(
        "client_authenticates_as_declared",
        declare(SecretLost, token_endpoint_auth_method="client_secret_post"),
    ),
]
