import HTTPTypes
package import Modules

/// Whether a browser's page may open a WebSocket: the same-origin policy does not apply to them, and browsers attach
/// cookies.
package struct OriginCheck: Sendable {
    let origins: Set<String>

    /// - Parameter request: admitted by ``Member``. With a session cookie it needs an `Origin`, which has to be an
    ///   allowed one whatever the credential; `*` allows any for credentials that browsers do not attach by themselves.
    /// - Throws: `csrf-failed`.
    package func check(_ request: Request) throws(Problem) {
        let hasCookie = request.context.value(of: BrowserAuthentication.self) != nil
        guard let origin = request.headers[.origin] else {
            if hasCookie { throw Self.refusal }
            return
        }
        guard origins.contains(origin) || (!hasCookie && origins.contains("*")) else { throw Self.refusal }
    }

    private static var refusal: Problem { Problem(.csrfFailed, title: "Invalid request origin") }
}
