/// A request to Stripe, which can be stored and sent again unchanged. Requests are made by the static functions of the
/// folder `Requests`.
package struct StripeRequest: Sendable, Hashable, Codable {
    package enum Method: String, Sendable, Hashable, Codable {
        case get = "GET"
        case post = "POST"
        case delete = "DELETE"
    }

    package let method: Method
    /// Begins with `/v1/`; the ids in it are percent-encoded.
    package let path: String
    package var form: StripeForm
    /// The connected account that the request acts for; nil for the platform's own.
    package var account: String?

    package init(_ method: Method, _ path: String, form: StripeForm = StripeForm(), account: String? = nil) {
        self.method = method
        self.path = path
        self.form = form
        self.account = account
    }

    /// A request whose form is filled by `fill`.
    init(_ method: Method, _ path: String, _ fill: (inout StripeForm) -> Void) {
        self.init(method, path)
        fill(&form)
    }

    /// The same request for a connected account.
    package func acting(for account: String?) -> StripeRequest {
        var request = self
        request.account = account
        return request
    }

    /// The same request, whose response contains these objects instead of their ids, such as `latest_charge`.
    package func expanding(_ members: String...) -> StripeRequest {
        var request = self
        request.form.set("expand", members)
        return request
    }
}

extension StripeRequest {
    /// An id as a segment of a path. Ids come from clients too: every other character is percent-encoded, and what
    /// would name another path, an empty id or one of dots, becomes `-`, which Stripe does not know.
    static func segment(_ id: String) -> String {
        id.allSatisfy { $0 == "." } ? "-" : PercentEncoding.encode(id)
    }
}
