package import Base

extension TestApp {
    /// Creates a service key over HTTP.
    /// - Parameters:
    ///   - more: further members of the request.
    ///   - administrator: nil for a new one.
    package func serviceKey(
        _ scopes: [String] = ["reservations:write", "usage:write"], _ more: [String: JSONValue] = [:],
        administrator: TestPerson? = nil
    ) async throws -> TestServiceKey {
        let token: String
        if let administrator { token = administrator.token } else { token = try await self.administrator().token }
        let body: [String: JSONValue] = [
            "name": "for a test", "scopes": .array(scopes.map { .string($0) }), "password": .string(Self.password),
        ]
        let response = await call(
            "POST", "/v1/admin/service-keys", json: .object(body.merging(more) { $1 }), token: token)
        guard response.status == 201, let id = response["id"]?.string, let text = response["service_key"]?.string else {
            throw UnexpectedResponse(response)
        }
        return TestServiceKey(id: id, text: text)
    }
}

/// A service key with its text.
package struct TestServiceKey: Sendable {
    package let id: String
    package let text: String

    package init(id: String, text: String) {
        self.id = id
        self.text = text
    }

    /// The header fields of a request in an organisation.
    package func headers(in organisation: String) -> [String: String] {
        ["Authorization": "Bearer \(text)", "X-Organisation": organisation]
    }
}
