// The users that test_add_to_your_project.py makes before better_auth is there.
import { is } from "conformance";

const password = "what they always typed";
const taken = (number) => `person${number}@example.com`;

export default [
  {
    name: "sign in with the password they have",
    async run(t) {
      for (const number of [0, 500, 990]) {
        const email = taken(number);
        const browser = t.newClient();
        browser.ok(await browser.auth.signIn.email({ email, password }), is.including({
          token: is.token,
          user: is.including({ email, emailVerified: false }),
        }));
        await t.signedInAs(browser, email);
      }
    },
  },
  {
    name: "sign in with an address that the host keeps in another spelling",
    async run(t) {
      const browser = await t.signedIn({ email: "spelled@example.com", password });
      await t.signedInAs(browser, "spelled@example.com");
    },
  },
  {
    name: "do not sign in with a wrong password",
    async run(t) {
      const browser = t.newClient();
      browser.fails(await browser.auth.signIn.email({ email: taken(1), password: "something else" }), 401, "INVALID_EMAIL_OR_PASSWORD");
    },
  },
  {
    name: "do not sign in with an address that several have",
    async run(t) {
      for (const email of ["double0@example.com", "double1@example.com", "double2@example.com"]) {
        const browser = t.newClient();
        browser.fails(await browser.auth.signIn.email({ email, password }), 401, "INVALID_EMAIL_OR_PASSWORD");
        browser.fails(await browser.auth.signUp.email({ email, password, name: "Somebody" }), 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
      }
    },
  },
];
