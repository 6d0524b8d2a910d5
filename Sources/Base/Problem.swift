/// A failure that a client can act on, in the form of RFC 9457 problem details.
///
/// Every error response is a `Problem`; any other thrown error is logged with its cause and answered as
/// ``Kind/internalError``.
package struct Problem: Error, Sendable {
    /// One documented kind of failure: a row of the catalogue behind OpenAPI and `/problems/<code>`.
    package struct Kind: Sendable, Hashable {
        /// Stable, machine-readable name: lower-case words joined by hyphens.
        package let code: String
        /// One sentence for users; the `title` and `error` members of the response unless the instance has its own.
        package let title: String
        /// HTTP status code.
        package let status: Int

        package init(_ code: String, _ title: String, status: Int) {
            self.code = code
            self.title = title
            self.status = status
        }
    }

    package var kind: Kind
    /// The kind's title, or a more specific sentence of this instance.
    package var title: String
    /// What the client can do, in one or two sentences.
    package var detail: String?
    /// Extra members of the response, by name; none of ``ownMembers``.
    package let members: [String: JSONValue]
    /// Extra header fields of the response, by name.
    package var headers: [String: String]
    /// For the log; never sent.
    package var cause: (any Error)?

    /// The members that every response has with a meaning of their own: those of RFC 9457, section 3.1, and ours.
    package static let ownMembers: Set<String> = [
        "type", "title", "status", "detail", "instance", "code", "error", "request_id",
    ]

    package init(
        _ kind: Kind,
        title: String? = nil,
        detail: String? = nil,
        members: [String: JSONValue] = [:],
        headers: [String: String] = [:],
        cause: (any Error)? = nil
    ) {
        self.kind = kind
        self.title = title ?? kind.title
        self.detail = detail
        self.members = members
        self.headers = headers
        self.cause = cause
    }
}

extension Problem: CustomStringConvertible {
    package var description: String {
        var text = "\(kind.code) (\(kind.status)): \(title)"
        if let detail { text += " — \(detail)" }
        if let cause { text += " [\(cause)]" }
        return text
    }
}

extension Problem.Kind {
    package static let invalidRequest = Self("invalid-request", "The request is not valid", status: 400)
    package static let invalidPayload = Self("invalid-payload", "The body could not be read", status: 400)
    package static let notFound = Self("not-found", "Not found", status: 404)
    package static let conflict = Self("conflict", "The request conflicts with the present state", status: 409)
    package static let validationFailed = Self("validation-failed", "The request did not pass validation", status: 422)
    package static let internalError = Self("internal-error", "Something went wrong on our side", status: 500)
    package static let overloaded = Self("overloaded", "The service is busy. Please try again shortly.", status: 503)
    package static let notConfigured = Self("not-configured", "This part of the service is not configured", status: 503)
}

extension Problem {
    /// One fault of a body, named by an RFC 6901 pointer into it.
    package struct Fault: Sendable, Hashable {
        package var pointer: String
        package var detail: String

        package init(_ pointer: String, _ detail: String) {
            self.pointer = pointer
            self.detail = detail
        }

        /// One step of a pointer into an object: `/` and the member's name, with `~` and `/` escaped (RFC 6901, section
        /// 3).
        package static func step(_ name: String) -> String {
            "/" + name.replacing("~", with: "~0").replacing("/", with: "~1")
        }
    }

    /// A well-formed body with invalid values: 422 with every fault.
    package static func invalid(_ faults: [Fault]) -> Problem {
        let listed = faults.map { JSONValue.object(["pointer": .string($0.pointer), "detail": .string($0.detail)]) }
        let first = faults.first.map { "\($0.pointer.isEmpty ? "The body" : $0.pointer) \($0.detail)" }
        return Problem(.validationFailed, detail: first, members: ["errors": .array(listed)])
    }

    package static func invalid(_ pointer: String, _ detail: String) -> Problem { invalid([Fault(pointer, detail)]) }

    /// 503 for a full queue.
    /// - Parameter seconds: the value of `Retry-After`.
    package static func overloaded(retryAfter seconds: Int, detail: String) -> Problem {
        Problem(.overloaded, detail: detail, headers: ["Retry-After": String(seconds)])
    }

    /// `error` itself when it is a problem, else an internal error with `error` as its cause.
    package static func wrapping(_ error: any Error) -> Problem {
        (error as? Problem) ?? Problem(.internalError, cause: error)
    }

    /// As ``catching(_:)``, for synchronous code.
    package static func rethrowing<Result>(_ body: () throws -> Result) throws(Problem) -> Result {
        do { return try body() } catch { throw wrapping(error) }
    }

    /// Runs `body` and converts its error by ``wrapping(_:)``.
    package static func catching<Result>(_ body: () async throws -> Result) async throws(Problem) -> Result {
        do { return try await body() } catch { throw wrapping(error) }
    }
}
