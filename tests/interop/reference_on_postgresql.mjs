// The original server over PostgreSQL, asked from Python like reference.mjs.
import { createInterface } from "node:readline";
import { apiKey } from "@better-auth/api-key";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { admin, bearer, jwt, twoFactor, username } from "better-auth/plugins";
import pg from "pg";

const baseURL = "http://127.0.0.1:4999"; // nothing listens: requests are handed over in the process
const secret = "conformance-secret-conformance-secret-0123456789";
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
const options = {
  baseURL,
  secret,
  database: pool,
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { disabled: true },
  plugins: [bearer(), jwt(), username(), admin(), twoFactor(), apiKey({ enableSessionForAPIKeys: true })],
};
const { runMigrations } = await getMigrations(options);
await runMigrations();
const auth = betterAuth(options);

const operations = {
  secret: async () => secret,

  async request({ method = "GET", path, body, cookie = "" }) {
    const headers = { origin: baseURL, cookie };
    if (body) headers["content-type"] = "application/json";
    const request = new Request(`${baseURL}/api/auth${path}`, { method, headers, body: body && JSON.stringify(body) });
    const response = await auth.handler(request);
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : null, cookies: response.headers.getSetCookie() };
  },

  async execute({ sql }) {
    await pool.query(sql);
    return null;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { operation, ...members } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ result: (await operations[operation](members)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error?.stack ?? error) }));
  }
}
await pool.end();
