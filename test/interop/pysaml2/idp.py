"""An identity provider made of pysaml2, for tests: a login form before it, and
nothing of SAML in this file that pysaml2 does itself.

    python3 idp.py FOLDER XMLSEC1

FOLDER holds idp.key, idp.crt, people.json and services.json, which is read anew
at each request; test/interop/pysaml2.go writes all of them. The first line on
standard output is the address that this process listens on.
"""

import html
import json
import os
import secrets
import sys
import time
import traceback
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, parse_qsl
from wsgiref.simple_server import WSGIRequestHandler, make_server

from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, samlp
from saml2.authn_context import PASSWORDPROTECTEDTRANSPORT
from saml2.config import IdPConfig
from saml2.entity import Entity
from saml2.metadata import create_metadata_string
from saml2.saml import NAME_FORMAT_URI, NAMEID_FORMAT_EMAILADDRESS, NAMEID_FORMAT_PERSISTENT
from saml2.server import Server
from saml2.sigver import get_pem_wrapped_unwrapped, make_temp, pre_encryption_part, verify_redirect_signature
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

FORM = """<!DOCTYPE html><title>Log in</title><form method="post" action="/login">
<input type="hidden" name="ticket" value="%s"><p>%s</p>
<input name="username"><input name="password" type="password"><button>Log in</button></form>"""


class Refused(Exception):
    """A request that gets a page and no answer."""


class Provider(Server):
    """pysaml2's server. It encrypts with 3DES and nothing in its configuration
    changes that, so a provider that wants AES has to override one method."""

    encryption = {}

    def _encrypt_assertion(self, encrypt_cert, sp_entity_id, response, node_xpath=None):
        if not self.encryption:
            return super()._encrypt_assertion(encrypt_cert, sp_entity_id, response, node_xpath)
        wrapped, unwrapped = get_pem_wrapped_unwrapped(
            encrypt_cert or self.metadata.certs(sp_entity_id, "any", "encryption")[0])
        certificate = make_temp(wrapped.encode("ascii"), decode=False)
        template = pre_encryption_part(encrypt_cert=unwrapped, msg_enc=self.encryption["data"], key_enc=self.encryption["key"])
        return self.sec.encrypt_assertion(
            response, certificate.name, template, key_type=self.encryption["session_key"], node_xpath=node_xpath)


class Application:
    def __init__(self, base, folder, xmlsec1):
        self.base, self.folder, self.xmlsec1 = base, folder, xmlsec1
        with open(os.path.join(folder, "people.json"), encoding="utf-8") as file:
            self.people = {person["Username"]: person for person in json.load(file)}
        self.providers = {}  # by service: its terms, and pysaml2's server for them
        self.waiting = {}    # by ticket: what is answered after the login form
        self.sessions = {}   # by cookie: who, and since when

    def configuration(self, terms):
        """The settings, as an administrator of pysaml2 writes them."""
        config = {
            "entityid": self.base + "/metadata",
            "key_file": os.path.join(self.folder, "idp.key"),
            "xmlsec_binary": self.xmlsec1,
            "cert_file": os.path.join(self.folder, "idp.crt"),
            "service": {"idp": {
                "endpoints": {"single_sign_on_service": [
                    (self.base + "/sso/redirect", BINDING_HTTP_REDIRECT),
                    (self.base + "/sso/post", BINDING_HTTP_POST),
                ], "single_logout_service": [
                    (self.base + "/slo/redirect", BINDING_HTTP_REDIRECT),
                    (self.base + "/slo/post", BINDING_HTTP_POST),
                ]},
                "name_id_format": [NAMEID_FORMAT_PERSISTENT, NAMEID_FORMAT_EMAILADDRESS],
                "domain": "mail.example",
                "policy": {"default": {
                    "lifetime": {"minutes": 5},
                    "nameid_format": NAMEID_FORMAT_PERSISTENT,
                    "name_form": NAME_FORMAT_URI,
                }},
            }},
        }
        if not terms.get("StockAlgorithms"):
            # pysaml2 7.0 signs with SHA-1 unless it is told otherwise just here;
            # outside of service.idp the same two settings are read and forgotten.
            config["service"]["idp"].update(signing_algorithm=SIG_RSA_SHA256, digest_algorithm=DIGEST_SHA256)
        if terms.get("MetadataURL"):
            config["metadata"] = {"remote": [{"url": terms["MetadataURL"]}]}
        return IdPConfig().load(config)

    def provider(self, service):
        """pysaml2's server for one service, made anew when its terms change."""
        with open(os.path.join(self.folder, "services.json"), encoding="utf-8") as file:
            terms = json.load(file).get(service)
        if terms is None:
            raise Refused("unknown service " + service)
        # A new key counts from the next request on.
        terms = dict(terms, key=os.stat(os.path.join(self.folder, "idp.key")).st_mtime_ns)
        known = self.providers.get(service)
        if known is None or known[0] != terms:
            server = Provider(config=self.configuration(terms))
            if not terms.get("StockAlgorithms"):
                server.encryption = {
                    "data": "http://www.w3.org/2009/xmlenc11#aes256-gcm",
                    "key": "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
                    "session_key": "aes-256",
                }
            known = self.providers[service] = (terms, server)
        return known

    # What a browser asks for.

    def __call__(self, environ, start_response):
        path, query = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
        headers = [("Content-Type", "text/html; charset=utf-8")]
        try:
            if path == "/metadata":
                headers = [("Content-Type", "application/samlmetadata+xml")]
                page = create_metadata_string(None, config=self.configuration({})).decode()
            elif path == "/sso/redirect":
                page = self.request(environ, dict(parse_qsl(query, keep_blank_values=True)), BINDING_HTTP_REDIRECT)
            elif path == "/sso/post":
                page = self.request(environ, dict(parse_qsl(body, keep_blank_values=True)), BINDING_HTTP_POST)
            elif path == "/slo/redirect":
                page, to = self.logout(dict(parse_qsl(query, keep_blank_values=True)), BINDING_HTTP_REDIRECT)
                headers += to
            elif path == "/slo/post":
                page, to = self.logout(dict(parse_qsl(body, keep_blank_values=True)), BINDING_HTTP_POST)
                headers += to
            elif path == "/logout":
                page, to = self.start_logout(parse_qs(query))
                headers += to
            elif path == "/start":
                page = self.start(environ, parse_qs(query))
            elif path == "/login":
                page, cookie = self.login(parse_qs(body))
                if cookie:
                    headers.append(("Set-Cookie", "pysaml2=%s; Path=/; HttpOnly" % cookie))
            else:
                raise Refused("no such page: " + path)
            status = "303 See Other" if any(name == "Location" for name, _ in headers) else "200 OK"
        except Exception as problem:  # told, or a test would see only a wrong page
            if not isinstance(problem, Refused):
                traceback.print_exc()
            status, page = "400 Bad Request", "<p>%s: %s</p>" % (type(problem).__name__, html.escape(str(problem)))
            headers = [("Content-Type", "text/html; charset=utf-8")]
        start_response(status, headers)
        return [page.encode()]

    def request(self, environ, fields, binding):
        """An AuthnRequest, by redirect or POST."""
        xml = Entity.unravel(fields["SAMLRequest"], binding, "authn_request")
        service = samlp.authn_request_from_string(xml).issuer.text.strip()
        terms, server = self.provider(service)
        if terms.get("RequestsSigned"):
            self.check_signature(server, service, fields, xml, binding)
        request = server.parse_authn_request(fields["SAMLRequest"], binding).message
        arguments = server.response_args(request, [BINDING_HTTP_POST])
        requested = request.requested_authn_context
        return self.proceed(environ, {
            "service": service,
            "relay_state": fields.get("RelayState", ""),
            "arguments": {
                "in_response_to": request.id,
                "destination": arguments["destination"],
                "sp_entity_id": service,
                "name_id_policy": request.name_id_policy,
            },
            "force": request.force_authn in ("true", "1") and not terms.get("IgnoreForceAuthn"),
            "contexts": [ref.text for ref in requested.authn_context_class_ref] if requested else [],
        })

    @staticmethod
    def check_signature(server, service, fields, xml, binding, kind="authn_request"):
        if binding == BINDING_HTTP_POST:
            if getattr(samlp, kind + "_from_string")(xml).signature is None:
                raise Refused("the request is not signed")
            getattr(server.sec, "correctly_signed_" + kind)(xml, must=True)  # or raises
            return
        if not fields.get("Signature"):
            raise Refused("the request is not signed")
        for certificate in server.metadata.certs(service, "spsso", "signing"):
            if verify_redirect_signature(fields, server.sec.sec_backend, certificate):
                return
        raise Refused("the signature in the address is not theirs")

    def start(self, environ, query):
        """A login that begins here, as by a link in a company's portal."""
        service = query["sp"][0]
        _, server = self.provider(service)
        acs = server.metadata.assertion_consumer_service(service, BINDING_HTTP_POST)[0]["location"]
        return self.proceed(environ, {
            "service": service,
            "relay_state": query.get("RelayState", [""])[0],
            "arguments": {"in_response_to": None, "destination": acs, "sp_entity_id": service, "name_id_policy": None},
            "force": False,
            "contexts": [],
        })

    # Single logout, from either side.

    def logout(self, fields, binding):
        """A service's LogoutRequest, or its answer to ours; never without a signature."""
        kind = "logout_request" if "SAMLRequest" in fields else "logout_response"
        message = fields.get("SAMLRequest") or fields["SAMLResponse"]
        xml = Entity.unravel(message, binding, kind)
        parsed = getattr(samlp, kind + "_from_string")(xml)
        service = parsed.issuer.text.strip()
        terms, server = self.provider(service)
        self.check_signature(server, service, fields, xml, binding, kind)
        if kind == "logout_response":
            # It raises on anything but Success.
            server.parse_logout_request_response(message, binding)
            return "<p>The service says: %s</p>" % html.escape(parsed.status.status_code.value), []
        request = server.parse_logout_request(message, binding).message
        username = server.ident.find_local_id(request.name_id)
        if username is None:
            raise Refused("nobody has the name %s" % request.name_id)
        self.forget(username)
        back = BINDING_HTTP_POST if terms.get("LogoutByPOST") else BINDING_HTTP_REDIRECT
        by_post = back == BINDING_HTTP_POST
        response = server.create_logout_response(request, [back], sign=by_post)
        destination = server.response_args(request, [back])["destination"]
        return self.send(server, back, response, destination, fields.get("RelayState", ""), response=True)

    def start_logout(self, query):
        """A logout that begins here."""
        service, username = query["sp"][0], query["username"][0]
        terms, server = self.provider(service)
        binding = BINDING_HTTP_POST if terms.get("LogoutByPOST") else BINDING_HTTP_REDIRECT
        destination = server.metadata.single_logout_service(service, binding, "spsso")[0]["location"]
        name = server.ident.find_nameid(username)[0]
        _, request = server.create_logout_request(
            destination, service, name_id=name, sign=binding == BINDING_HTTP_POST,
            session_indexes=query.get("index"))
        self.forget(username)
        return self.send(server, binding, request, destination, "begun-there")

    def forget(self, username):
        self.sessions = {key: one for key, one in self.sessions.items() if one["person"]["Username"] != username}

    @staticmethod
    def send(server, binding, message, destination, relay_state, response=False):
        """By redirect the query is signed, by POST the message is already."""
        info = server.apply_binding(binding, str(message), destination, relay_state, response=response, sign=binding == BINDING_HTTP_REDIRECT)
        return (info["data"] if binding == BINDING_HTTP_POST else ""), [one for one in info["headers"] if one[0] == "Location"]

    def proceed(self, environ, asked):
        """Answers for whoever is logged in here, or asks who it is."""
        cookie = SimpleCookie(environ.get("HTTP_COOKIE", "")).get("pysaml2")
        session = self.sessions.get(cookie.value) if cookie else None
        if session and not asked["force"]:
            age = self.provider(asked["service"])[0].get("SessionAge", 0)
            return self.answer(asked, session["person"], session["since"] - age)
        return self.ask(asked, "Who are you?")

    def ask(self, asked, sentence):
        ticket = secrets.token_hex(16)
        self.waiting[ticket] = asked
        return FORM % (ticket, sentence)

    def login(self, fields):
        asked = self.waiting.pop(fields["ticket"][0])
        person = self.people.get(fields.get("username", [""])[0])
        if not person or person["Password"] != fields.get("password", [""])[0]:
            return self.ask(asked, "Wrong name or password."), None
        cookie, now = secrets.token_hex(16), int(time.time())
        self.sessions[cookie] = {"person": person, "since": now}
        return self.answer(asked, person, now), cookie

    def answer(self, asked, person, since):
        """pysaml2's response, in the form that posts itself."""
        terms, server = self.provider(asked["service"])
        context = PASSWORDPROTECTEDTRANSPORT
        if asked["contexts"] and not terms.get("IgnoreContexts"):
            reached = [context] + (person.get("Contexts") or [])
            context = next((one for one in asked["contexts"] if one in reached), None)
        if context is None:
            response = server.create_error_response(
                asked["arguments"]["in_response_to"], asked["arguments"]["destination"],
                (samlp.STATUS_NO_AUTHN_CONTEXT, "nobody here can authenticate like that"), sign=bool(terms.get("SignResponse")))
        else:
            response = server.create_authn_response(
                {name: list(values) for name, values in person["Attributes"].items()},
                userid=person["Username"],
                authn={"class_ref": context, "authn_instant": since},
                sign_response=bool(terms.get("SignResponse")),
                sign_assertion=bool(terms.get("SignAssertion")),
                encrypt_assertion=bool(terms.get("Encrypt")),
                **asked["arguments"])
        return server.apply_binding(
            BINDING_HTTP_POST, str(response), asked["arguments"]["destination"], asked["relay_state"], response=True)["data"]


class Handler(WSGIRequestHandler):
    def log_message(self, form, *values):
        """Says nothing: addresses carry whole messages."""


def main():
    with make_server("127.0.0.1", 0, None, handler_class=Handler) as server:
        address = "http://127.0.0.1:%d" % server.server_port
        server.set_app(Application(address, *sys.argv[1:]))
        print(address, flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass  # how the test ends it


if __name__ == "__main__":
    main()
