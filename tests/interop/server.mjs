// The npm package oidc-provider on a free port of 127.0.0.1, everything in memory.
//
// Reads the clients (RFC 7591 metadata) as one line of JSON from standard input, prints its issuer,
// and ends when standard input does. Users log in and consent by being sent to /interaction/…; one
// whose login_hint is "refuses" refuses.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { Provider, interactionPolicy } from 'oidc-provider';

const lines = createInterface({ input: process.stdin });
lines.on('close', () => process.exit(0));
lines.once('line', (line) => {
  const server = createServer();
  server.listen(0, '127.0.0.1', () => {
    const issuer = `http://127.0.0.1:${server.address().port}`;
    const provider = makeProvider(issuer, JSON.parse(line));
    server.on('request', (request, response) => answer(provider, request, response));
    console.log(issuer);
  });
});

function makeProvider(issuer, clients) {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  return new Provider(issuer, {
    clients,
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    cookies: { keys: ['interop'] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      revocation: { enabled: true },
    },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    interactions: {
      policy: interactionPolicy.base(),
      url: (_, interaction) => `/interaction/${interaction.uid}`,
    },
    jwks: { keys: [{ ...key.export({ format: 'jwk' }), use: 'sig' }] },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    scopes: ['openid', 'offline_access', 'read', 'write'],
    ttl: { Interaction: 60, Session: 600, Grant: 600, RefreshToken: 600, IdToken: 60, AccessToken: 300, ClientCredentials: 300 },
  });
}

async function answer(provider, request, response) {
  if (!request.url.startsWith('/interaction/')) {
    provider.callback()(request, response);
    return;
  }
  try {
    const details = await provider.interactionDetails(request, response);
    await provider.interactionFinished(request, response, await decide(provider, details), {
      mergeWithLastSubmission: true,
    });
  } catch (error) {
    response.writeHead(500, { 'Content-Type': 'text/plain' }).end(String(error));
  }
}

async function decide(provider, { params, prompt, session }) {
  if (params.login_hint === 'refuses') {
    return { error: 'access_denied', error_description: 'the user refused' };
  }
  if (prompt.name === 'login') {
    return { login: { accountId: 'user' } };
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  return { consent: { grantId: await grant.save() } };
}
