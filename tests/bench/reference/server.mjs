// The original server over PostgreSQL; MODE=redis keeps sessions in Redis, MODE=cookie in its cookie cache, and
// MODE=jwt does that and has the jwt plugin, MODE=api-key prints an API key without limits, too.
// Makes its tables and one user with a session, and prints that as one line of JSON when it is ready.
import { createServer } from "node:http";
import { apiKey } from "@better-auth/api-key";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { bearer, jwt } from "better-auth/plugins";
import pg from "pg";

const { DATABASE_URL, MODE, PORT, REDIS_URL } = process.env;
const origin = `http://127.0.0.1:${PORT}`;

async function inRedis() {
  const { Redis } = await import("ioredis");
  const redis = new Redis(REDIS_URL);
  return {
    get: (key) => redis.get(key),
    set: (key, value, seconds) => (seconds ? redis.set(key, value, "EX", seconds) : redis.set(key, value)),
    delete: (key) => redis.del(key),
  };
}

const options = {
  baseURL: origin,
  secret: "bench-secret-bench-secret-bench-secret-0123456789",
  database: new pg.Pool({ connectionString: DATABASE_URL, max: 16 }),
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { disabled: true },
  plugins: [
    bearer(),
    ...(MODE === "jwt" ? [jwt()] : []),
    ...(MODE === "api-key" ? [apiKey({ enableSessionForAPIKeys: true, rateLimit: { enabled: false } })] : []),
  ],
  session: MODE === "cookie" || MODE === "jwt" ? { cookieCache: { enabled: true, maxAge: 7200 } } : {},
  ...(MODE === "redis" ? { secondaryStorage: await inRedis() } : {}),
};
const { runMigrations } = await getMigrations(options);
await runMigrations();
const auth = betterAuth(options);
const handler = toNodeHandler(auth);

createServer(handler).listen(Number(PORT), "127.0.0.1", async () => {
  const email = "ann@example.com";
  const answer = await fetch(`${origin}/api/auth/sign-up/email`, {
    method: "POST",
    headers: { "content-type": "application/json", origin },
    body: JSON.stringify({ name: "Ann", email, password: "correct horse battery" }),
  });
  if (!answer.ok) throw new Error(`sign-up: ${answer.status} ${await answer.text()}`);
  const cookie = answer.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
  const made = MODE === "api-key" && (await auth.api.createApiKey({ body: { userId: (await answer.json()).user.id } }));
  console.log(JSON.stringify({ email, cookie, ...(made ? { key: made.key } : {}) }));
});
