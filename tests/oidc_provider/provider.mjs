// A certified OpenID provider on loopback, with its own pages for signing in and consenting.
//
//   PORT=4600 REDIRECT_URI=http://127.0.0.1:8000/api/auth/callback/company node provider.mjs
import Provider from "oidc-provider";

const issuer = `http://127.0.0.1:${process.env.PORT}`;
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "client-1",
      client_secret: "secret-of-the-client-0123456789abcdef",
      redirect_uris: process.env.REDIRECT_URI.split(" "),
      grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: process.env.AUTHENTICATION ?? "client_secret_post",
    },
  ],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  // Whoever signs in as ann is ann@example.com; only somebody whose name says so is not verified.
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      email: `${id}@example.com`,
      email_verified: !id.startsWith("unverified"),
      name: `${id} of the company`,
    }),
  }),
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  ttl: { AccessToken: 3600 },
});
provider.listen(Number(process.env.PORT), "127.0.0.1", () => console.log(`listening at ${issuer}`));
