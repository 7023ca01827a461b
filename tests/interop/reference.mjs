// The reference server and its own functions, asked from Python: one JSON object
// per line in, one per line out. Run by reference.py, with tests/conformance as
// the working directory, where the libraries are.
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import * as jose from "jose";
import { betterAuth } from "better-auth";
import { createEmailVerificationToken } from "better-auth/api";
import { getCookieCache } from "better-auth/cookies";
import { hashPassword, verifyPassword } from "better-auth/crypto";
import { getMigrations } from "better-auth/db/migration";
import { createEndpoint, serializeSignedCookie } from "better-call";
import { authOptions } from "./reference-server.mjs";

const baseURL = "http://127.0.0.1:4999"; // nothing listens: requests are handed over in the process
const servers = new Map();
const databases = new Map();

async function server(strategy) {
  if (!servers.has(strategy)) {
    const options = {
      ...authOptions({ baseURL, send: async () => {} }),
      session: strategy ? { cookieCache: { enabled: true, strategy, maxAge: 300 } } : {},
    };
    const { runMigrations } = await getMigrations(options);
    await runMigrations();
    servers.set(strategy, betterAuth(options));
    databases.set(strategy, options.database.dialect.createDriver());
  }
  return servers.get(strategy);
}

const readCookie = createEndpoint("/", { method: "GET" }, async (ctx) =>
  ctx.getSignedCookie(ctx.query.name, ctx.query.secret),
);

const operations = {
  secret: async () => authOptions({ baseURL, send: async () => {} }).secret,

  // A request to the reference server, with the cookie cache in the strategy that is named, if any.
  async request({ strategy = "", method = "GET", path, body, cookie = "" }) {
    const headers = { origin: baseURL, cookie };
    if (body) headers["content-type"] = "application/json";
    const request = new Request(`${baseURL}/api/auth${path}`, { method, headers, body: body && JSON.stringify(body) });
    const response = await (await server(strategy)).handler(request);
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : null, cookies: response.headers.getSetCookie() };
  },

  signCookie: ({ name, value, secret }) => serializeSignedCookie(name, value, secret),

  // The value if the signature holds, false if it does not, null if there is no such cookie.
  verifyCookie: ({ name, cookie, secret }) =>
    readCookie({ headers: new Headers({ cookie }), query: { name, secret } }),

  cookieCache: ({ cookie, secret, strategy }) =>
    getCookieCache(new Headers({ cookie }), { secret, strategy, isSecure: false, version: "1" }),

  verificationToken: ({ secret, email, userId }) =>
    createEmailVerificationToken(secret, email, undefined, 3600, userId ? { userId } : undefined),

  // The database of that server, as a file of SQLite's.
  async dump({ strategy = "", path }) {
    const driver = databases.get(strategy);
    const connection = await driver.acquireConnection();
    writeFileSync(path, connection.db.export());
    await driver.releaseConnection();
    return path;
  },

  // A statement of SQL on that database.
  async execute({ strategy = "", sql }) {
    const driver = databases.get(strategy);
    const connection = await driver.acquireConnection();
    connection.db.run(sql);
    await driver.releaseConnection();
    return null;
  },

  // The claims of a token that the key set verifies, as a service would read them.
  verifyJwt: async ({ token, jwks, origin }) =>
    (await jose.jwtVerify(token, jose.createLocalJWKSet(jwks), { issuer: origin, audience: origin })).payload,

  // The same with a secret that is shared.
  verifySharedJwt: async ({ token, secret, origin }) =>
    (await jose.jwtVerify(token, new TextEncoder().encode(secret), { issuer: origin, audience: origin })).payload,
  signSharedJwt: ({ claims, secret }) =>
    new jose.SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(secret)),

  // The rows of the reference server's signing keys.
  signingKeys: async () => (await (await server("")).$context).adapter.findMany({ model: "jwks" }),

  hashPassword: ({ password }) => hashPassword(password),
  verifyPassword: ({ hash, password }) => verifyPassword({ hash, password }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { operation, ...members } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ result: (await operations[operation](members)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error?.stack ?? error) }));
  }
}
