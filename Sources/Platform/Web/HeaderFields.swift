package import HTTPTypes

extension HTTPFields {
    /// The value of a field, joined where it occurs more than once. As the subscript of HTTPTypes, which copies every
    /// value; this one copies only values of repeated fields.
    package func value(of name: HTTPField.Name) -> String? {
        guard let first = firstIndex(where: { $0.name == name }) else { return nil }
        return self[index(after: first)...].contains { $0.name == name } ? self[name] : self[first].value
    }
}

extension HTTPField.Name {
    package static let xContentTypeOptions = constant("X-Content-Type-Options")
    package static let xProcessTime = constant("X-Process-Time")
    package static let xTotalCount = constant("X-Total-Count")
    package static let referrerPolicy = constant("Referrer-Policy")
    package static let xForwardedFor = constant("X-Forwarded-For")
    package static let xRequestID = constant("X-Request-ID")
    /// W3C Trace Context.
    package static let traceparent = constant("traceparent")
    package static let idempotencyKey = constant("Idempotency-Key")
    package static let prefer = constant("Prefer")
    package static let csrfToken = constant("X-CSRF-Token")
    /// Tells nginx to pass a response on as it arrives.
    package static let xAccelBuffering = constant("X-Accel-Buffering")
    package static let apiKey = constant("X-API-Key")

    /// A name from the source code. A name that is not a token stops the program.
    package static func constant(_ text: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(text) else { preconditionFailure("'\(text)' is not a header name") }
        return name
    }
}
