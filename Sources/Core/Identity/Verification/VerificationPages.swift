import Modules

/// The pages that links in mails open, for installations without a frontend: a form that posts the token.
///
/// Opening a page does not use the token: mail programs open links for their previews.
enum VerificationPages {
    static func verifyEmail(token: String) -> HTMLPage {
        page("Verify this address", action: "auth/verify-email", token, fields: "", button: "This is my address")
    }

    static func resetPassword(token: String) -> HTMLPage {
        let field = """
            <p><label>New password <input type="password" name="new_password" autocomplete="new-password" \
            required minlength="8"></label></p>
            """
        return page(
            "Set a new password", action: "auth/reset-password", token, fields: field, button: "Set the password")
    }

    static func keepAccount(token: String) -> HTMLPage {
        page(
            "Keep your account", action: "user/erasure/cancellation", token, fields: "",
            button: "Do not erase my account")
    }

    /// An acceptance requires a session, which these pages do not have.
    static func acceptInvitation(token: String) -> HTMLPage {
        let body = """
            <p>Sign in with the address that the invitation was sent to, and accept it where you manage your \
            organisations, or by this request:</p>
            <pre>POST /v1/invitations/acceptance
            {"token": "\(safe(token))"}</pre>
            """
        return frame("You are invited to an organisation", body)
    }

    private static func page(_ title: String, action: String, _ token: String, fields: String, button: String)
        -> HTMLPage
    {
        let form = """
            <form method="post" action="/v1/\(action)"><input type="hidden" name="token" value="\(safe(token))">\
            \(fields)<p><button>\(button)</button></p></form>
            """
        return frame(title, form)
    }

    private static func frame(_ title: String, _ body: String) -> HTMLPage {
        HTMLPage(
            """
            <!doctype html><html lang="en"><head><meta charset="utf-8">\
            <meta name="viewport" content="width=device-width"><title>\(title)</title>
            <link rel="stylesheet" href="/docs/style.css"></head><body><main><h1>\(title)</h1>
            \(body)
            </main></body></html>
            """
        )
    }

    /// Tokens have no characters of HTML syntax; any other text becomes empty.
    private static func safe(_ token: String) -> String { token.utf8.allSatisfy { isTokenByte($0) } ? token : "" }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
