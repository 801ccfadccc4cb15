"""Log a user in with OAuth 2: what lies between the two requests is in an encrypted cookie."""

import os

from aiohttp import web
from cryptography.fernet import Fernet, InvalidToken

from oauthkit import AuthorizationRequest, OAuthError, connect

routes = web.RouteTableDef()
box = Fernet(os.environ["LOGIN_KEY"])  # made once, by Fernet.generate_key()


@routes.get("/login")
async def login(_: web.Request) -> web.Response:
    """Send the user away, and have his browser keep what finishing needs."""
    asked = connect("generic").create_authorization_url()
    answer = web.Response(status=302, headers={"Location": asked.url})
    kept = box.encrypt(asked.to_json().encode()).decode()
    answer.set_cookie("login", kept, max_age=600, httponly=True, secure=True, samesite="Lax")
    return answer


@routes.get("/callback")
async def callback(request: web.Request) -> web.Response:
    """Take the user back, in this process or another one."""
    try:
        asked = AuthorizationRequest.from_json(box.decrypt(request.cookies["login"], ttl=600))
        async with connect("generic") as client:
            await client.fetch_token(authorization_response=str(request.url), request=asked)
            async with client.get("/userinfo") as who:
                answer = web.json_response(await who.json())
    except (KeyError, InvalidToken, OAuthError) as error:
        return web.Response(status=400, text=f"That did not work: {type(error).__name__}")
    answer.del_cookie("login", secure=True, httponly=True, samesite="Lax")
    return answer


app = web.Application()
app.add_routes(routes)
