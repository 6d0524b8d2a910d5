import App
import Foundation
import HTTPTypes
import Modules
import NIOCore

/// A POST request with a JSON body that is sent to the dispatcher without a socket.
struct InProcessRequest {
    private let head: HTTPRequest
    private let body: [UInt8]

    init(_ path: String, _ json: JSONValue, token: String? = nil) throws {
        var head = HTTPRequest(
            method: .post, scheme: "http", authority: "localhost", path: path,
            headerFields: [.contentType: "application/json"])
        if let token { head.headerFields[.authorization] = "Bearer \(token)" }
        self.head = head
        body = Array(try JSONEncoder().encode(json))
    }

    /// - Parameter address: of the client.
    func send(to app: App, from address: String = "127.0.0.1") async -> Response {
        await app.dispatcher.respond(to: head, body: RequestBody(bytes: body), address: address)
    }
}

extension App {
    /// - Returns: the JSON body of the response.
    /// - Throws: ``UnexpectedStatus`` for a status other than `status`.
    func post(
        _ path: String, _ json: JSONValue, token: String? = nil, expecting status: HTTPResponse.Status = .created
    ) async throws -> JSONValue {
        let response = try await InProcessRequest(path, json, token: token).send(to: self)
        guard response.status == status, case .buffer(let buffer) = response.body else {
            throw UnexpectedStatus(path: path, status: response.status.code)
        }
        return try JSONValue(parsing: buffer.readableBytesView)
    }

    /// Registers an account and subscribes it to a plan.
    /// - Returns: its access token, and its organisation.
    func registerSubscriber(_ email: String, plan: String) async throws -> (token: String, organisation: String) {
        let account = try await post(
            "/v1/auth/register", ["email": .string(email), "password": .string(Accounts.password)])
        guard let token = account["access_token"]?.string,
            let organisation = account["user"]?["organisation_id"]?.string
        else { throw UnexpectedStatus(path: "/v1/auth/register", status: 201) }
        _ = try await post("/v1/payments/subscribe", ["plan": .string(plan)], token: token)
        return (token, organisation)
    }
}

/// A request of a measurement got an unexpected response.
struct UnexpectedStatus: Error, CustomStringConvertible {
    let path: String
    let status: Int
    var description: String { "POST \(path) was answered with status \(status)" }
}
