import App
import Foundation
import HTTPTypes
import Identity
import Modules
import NIOCore

/// A request that is sent to the dispatcher without a socket: a POST with a JSON body or none, or a GET.
struct InProcessRequest {
    private let head: HTTPRequest
    private let body: [UInt8]

    init(_ path: String, _ json: JSONValue, token: String? = nil, headers: HTTPFields = [:]) throws {
        var fields = headers
        fields[.contentType] = "application/json"
        head = Self.head(.post, path, fields, token)
        body = Array(try JSONEncoder().encode(json))
    }

    init(post path: String, token: String) {
        head = Self.head(.post, path, [:], token)
        body = []
    }

    init(get path: String, token: String) {
        head = Self.head(.get, path, [:], token)
        body = []
    }

    private static func head(_ method: HTTPRequest.Method, _ path: String, _ fields: HTTPFields, _ token: String?)
        -> HTTPRequest
    {
        var head = HTTPRequest(
            method: method, scheme: "http", authority: "localhost", path: path, headerFields: fields)
        if let token { head.headerFields[.authorization] = "Bearer \(token)" }
        return head
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
        _ path: String, _ json: JSONValue, token: String? = nil, headers: HTTPFields = [:],
        expecting status: HTTPResponse.Status = .created
    ) async throws -> JSONValue {
        try await body(of: InProcessRequest(path, json, token: token, headers: headers), path, expecting: status)
    }

    /// Sends a POST without a body.
    /// - Returns: the JSON body of the response.
    /// - Throws: ``UnexpectedStatus`` for a status other than `status`.
    func post(_ path: String, token: String, expecting status: HTTPResponse.Status = .ok) async throws -> JSONValue {
        try await body(of: InProcessRequest(post: path, token: token), path, expecting: status)
    }

    /// - Returns: the JSON body of the response.
    /// - Throws: ``UnexpectedStatus`` for a status other than 200.
    func get(_ path: String, token: String) async throws -> JSONValue {
        try await body(of: InProcessRequest(get: path, token: token), path, expecting: .ok)
    }

    private func body(of request: InProcessRequest, _ path: String, expecting status: HTTPResponse.Status)
        async throws -> JSONValue
    {
        let response = await request.send(to: self)
        guard response.status == status, case .buffer(let buffer) = response.body else {
            throw UnexpectedStatus(path: path, status: response.status.code)
        }
        return try JSONValue(parsing: buffer.readableBytesView)
    }

    /// Creates an administrator as the command does, and signs in.
    /// - Returns: the access token.
    func signedInAdministrator() async throws -> String {
        let email = "administrator@example.org"
        _ = try await identity.registration.createAdministrator(email: email, password: Accounts.password)
        let path = "/v1/auth/login"
        let session = try await post(
            path, ["email": .string(email), "password": .string(Accounts.password)], expecting: .ok)
        guard let token = session["access_token"]?.string else { throw UnexpectedStatus(path: path, status: 200) }
        return token
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
    var description: String { "\(path) was answered with status \(status)" }
}
