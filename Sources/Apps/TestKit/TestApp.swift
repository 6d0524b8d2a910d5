package import App
package import Base
import Foundation
import HTTPTypes
package import Identity
package import Modules
import NIOCore

/// The system on a private database, without a socket. Tests set its clock and run its jobs.
package struct TestApp: Sendable {
    package let app: App
    package let clock: TestClock
    package let engine: Engine
    package let log: LogOutput

    package init(app: App, clock: TestClock, engine: Engine, log: LogOutput) {
        self.app = app
        self.clock = clock
        self.engine = engine
        self.log = log
    }

    /// Sends a request to the dispatcher, as the server does.
    /// - Parameters:
    ///   - body: in place of `json`.
    ///   - token: a bearer token.
    ///   - address: of the client.
    ///   - dispatcher: in place of the system's, with routes of the test.
    package func call(
        _ method: String,
        _ path: String,
        json: JSONValue? = nil,
        body: (contentType: String, bytes: [UInt8])? = nil,
        token: String? = nil,
        headers: [String: String] = [:],
        address: String = "192.0.2.1",
        through dispatcher: RequestDispatcher? = nil
    ) async -> TestResponse {
        var head = HTTPRequest(
            method: HTTPRequest.Method(method) ?? .get, scheme: "http", authority: "localhost", path: path)
        var bytes: [UInt8] = []
        if let json {
            bytes = Array((try? JSONEncoder().encode(json)) ?? Data())
            head.headerFields[.contentType] = "application/json"
        }
        if let body {
            bytes = body.bytes
            head.headerFields[.contentType] = body.contentType
        }
        if let token { head.headerFields[.authorization] = "Bearer \(token)" }
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { head.headerFields[name] = value }
        }
        return await TestResponse(
            (dispatcher ?? app.dispatcher).respond(to: head, body: RequestBody(bytes: bytes), address: address))
    }

    /// Sends a request with a streamed body.
    package func stream(_ method: String, _ path: String, contentType: String, body: RequestBody, token: String) async
        -> TestResponse
    {
        var head = HTTPRequest(
            method: HTTPRequest.Method(method) ?? .get, scheme: "http", authority: "localhost", path: path)
        head.headerFields[.contentType] = contentType
        head.headerFields[.authorization] = "Bearer \(token)"
        return await TestResponse(app.dispatcher.respond(to: head, body: body, address: "192.0.2.1"))
    }

    /// Runs every job that is due, and the jobs that these enqueue.
    package func runJobs() async throws { try await app.runner.runUntilIdle() }

    /// Runs jobs that are due, one after the other.
    package func runJobs(atMost count: Int) async throws { try await app.runner.runUntilIdle(atMost: count) }
}

/// A response with its whole body.
package struct TestResponse: Sendable, CustomStringConvertible {
    package let status: Int
    package let headers: [String: String]
    package let bytes: [UInt8]
    private let parsed: OnDemand<JSONValue>

    package init(_ response: Response) async {
        status = response.status.code
        headers = Dictionary(response.headers.map { ($0.name.canonicalName, $0.value) }) { first, _ in first }
        switch response.body {
        case .none: bytes = []
        case .buffer(let buffer): bytes = Array(buffer: buffer)
        case .file(let path, let range):
            let data = FileManager.default.contents(atPath: path) ?? Data()
            bytes = Array(data.dropFirst(Int(range.lowerBound)).prefix(range.count))
        case .openFile(let file, let range):
            let read = range.isEmpty ? nil : try? file.read(range.count, at: range.lowerBound)
            bytes = read.map { Array(buffer: $0) } ?? []
        case .chunks(let begin):
            let next = begin()
            var collected: [UInt8] = []
            while let chunk = try? await next() { collected += Array(buffer: chunk) }
            bytes = collected
        }
        parsed = OnDemand { [bytes] in (try? JSONValue(parsing: bytes)) ?? .null }
    }

    /// The header fields without `X-Process-Time`, which differs between equal responses.
    package var comparableHeaders: [String: String] { headers.filter { $0.key != "x-process-time" } }
    package var text: String { String(decoding: bytes, as: UTF8.self) }
    /// Null where the body is not JSON.
    package var json: JSONValue { parsed.value }
    package subscript(_ name: String) -> JSONValue? { json[name] }
    package var code: String? { self["code"]?.string }
    package var description: String { "\(status) \(text.prefix(2_000))" }
}

/// A registered account with the tokens of a session.
package struct TestPerson: Sendable {
    package let id: ID<Person>
    package let organisation: String
    package let email: String
    package let password: String
    package let token: String
    package let refreshToken: String
    package let csrf: String
}

extension TestApp {
    package static let password = "correct horse battery"

    /// Registers an account with an address that begins with `name`.
    /// - Parameter isVerified: whether the address counts as verified. This is written to the row, so that it has no
    ///   further effect, such as a trial.
    package func register(_ name: String = "person", role: String? = nil, isVerified: Bool = true) async throws
        -> TestPerson
    {
        let email = "\(name)-\(Hex.encode(Runtime.system.randomBytes(4)))@example.org"
        var payload: [String: JSONValue] = ["email": .string(email), "password": .string(Self.password)]
        if let role { payload["role"] = .string(role) }
        let response = await call("POST", "/v1/auth/register", json: .object(payload))
        let person = try person(response, email)
        if isVerified { try await setVerified(true, person) }
        return person
    }

    /// Writes to the row of an account whether its address is verified.
    package func setVerified(_ isVerified: Bool, _ person: TestPerson) async throws {
        try await app.database.write {
            try $0.execute("UPDATE people SET email_verified_at = \(isVerified ? $0.now : nil) WHERE id = \(person.id)")
        }
    }

    /// Creates an administrator as the command does, and signs in.
    package func administrator() async throws -> TestPerson {
        let email = "admin-\(Hex.encode(Runtime.system.randomBytes(4)))@example.org"
        _ = try await app.identity.registration.createAdministrator(email: email, password: Self.password)
        return try person(
            await call("POST", "/v1/auth/login", json: ["email": .string(email), "password": .string(Self.password)]),
            email)
    }

    /// Registers an account with a subscription: `free` by its own request, other plans by an administrator.
    package func subscriber(_ plan: String, _ name: String = "subscriber") async throws -> TestPerson {
        let person = try await register(name)
        if plan == "free" {
            let response = await call("POST", "/v1/payments/subscribe", json: ["plan": "free"], token: person.token)
            guard response.status == 201 else { throw UnexpectedResponse(response) }
        } else {
            try await put(person, on: plan)
        }
        return person
    }

    /// Sets the plan of an account, as an administrator.
    package func put(_ person: TestPerson, on plan: String) async throws {
        let administrator = try await administrator()
        let response = await call(
            "POST", "/v1/payments/subscriptions/\(person.id)/adjust", json: ["plan": .string(plan)],
            token: administrator.token)
        guard response.status == 200 else { throw UnexpectedResponse(response) }
    }

    /// The account of a response to a registration or a sign-in.
    func person(_ response: TestResponse, _ email: String) throws -> TestPerson {
        guard let id = response["user"]?["id"]?.string.flatMap({ ID<Person>($0) }),
            let organisation = response["user"]?["organisation_id"]?.string,
            let token = response["access_token"]?.string, let refresh = response["refresh_token"]?.string,
            let csrf = response["csrf_token"]?.string
        else { throw UnexpectedResponse(response) }
        return TestPerson(
            id: id, organisation: organisation, email: email, password: Self.password, token: token,
            refreshToken: refresh, csrf: csrf)
    }
}

/// A helper of the tests got an unexpected response.
package struct UnexpectedResponse: Error, CustomStringConvertible {
    package let response: TestResponse
    package init(_ response: TestResponse) { self.response = response }
    package var description: String { "unexpected response: \(response)" }
}

extension Configuration {
    /// The settings that all tests have in common.
    static var test: Configuration {
        var configuration = Configuration()
        configuration.limitsRates = false
        configuration.environment = .test
        configuration.poolSize = 4
        configuration.bcryptRounds = 4
        return configuration
    }

    /// Whether the first start with these settings writes the same to the database and the data folder as one with
    /// `other`.
    func sharesTemplate(with other: Configuration) -> Bool {
        jwtAlgorithm == other.jwtAlgorithm && secretKey == other.secretKey && encryptionKey == other.encryptionKey
            && jwtSecret == other.jwtSecret && plansFile == other.plansFile && given == other.given
            && environment == other.environment
    }
}

/// Runs `body` with a system, which is removed afterwards, also after an error.
/// - Parameters:
///   - runsJobs: whether jobs run in the background; otherwise ``TestApp/runJobs()`` runs them.
///   - databaseWrapper: as ``AppDependencies/databaseWrapper``.
///   - change: changes the settings that all tests have in common.
///   - replace: replaces further dependencies. Attempts of requests to other services follow at once.
package func withTestApp(
    _ engine: Engine,
    clock: TestClock = TestClock(),
    runsJobs: Bool = false,
    databaseWrapper: @escaping @Sendable (any Database) -> any Database = { $0 },
    change: (inout Configuration) -> Void = { _ in },
    replace: (inout AppDependencies) -> Void = { _ in },
    _ body: (TestApp) async throws -> Void
) async throws {
    let folder = FileManager.default.temporaryDirectory
        .appending(path: "gatehouse-test-\(Hex.encode(Runtime.system.randomBytes(8)))")
    defer { try? FileManager.default.removeItem(at: folder) }
    let common = Configuration.test
    var configuration = common
    configuration.dataFolder = folder.path()
    change(&configuration)
    var template: InstallationTemplate.Files?
    // The template is used only where a first start would write the same.
    if configuration.sharesTemplate(with: common), clock.now == TestClock().now {
        let files = try await InstallationTemplate.shared.files(engine, common)
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        _ = FileManager.default.createFile(
            atPath: folder.appending(path: "secret.key").path(), contents: files.secret,
            attributes: [.posixPermissions: 0o600])
        template = files
    }
    try await withDatabasePlace(engine, copying: template?.database) { place in
        configuration.databaseURL = place.configurationURL
        let log = LogOutput(keepsLines: true)
        let runtime = Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes)
        var dependencies = AppDependencies(
            runtime: runtime, clock: { clock.now }, logOutput: log, databaseWrapper: databaseWrapper)
        dependencies.providerPause = { _ in }
        replace(&dependencies)
        let app = try await buildApp(configuration, in: dependencies)
        let test = TestApp(app: app, clock: clock, engine: engine, log: log)
        let jobs = runsJobs ? Task { await runJobs(of: app) } : nil
        try await attempt {
            // As when a server starts: a test that moves the clock finds the ticks between.
            try await app.runner.registerSchedules()
            try await body(test)
        } finally: {
            jobs?.cancel()
            await jobs?.value
            await app.close()
        }
    }
}

private func runJobs(of app: App) async {
    while !Task.isCancelled {
        try? await app.runner.runUntilIdle()
        try? await Task.sleep(for: .milliseconds(5))
    }
}

/// A multipart/form-data body (RFC 7578) of text parts and one file.
package func multipart(
    _ texts: [(name: String, value: String)], file: (name: String, fileName: String, bytes: [UInt8])?
) -> (
    contentType: String, bytes: [UInt8]
) {
    let boundary = "gatehouse-test-boundary"
    var bytes: [UInt8] = []
    for text in texts {
        bytes += Array(
            "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(text.name)\"\r\n\r\n\(text.value)\r\n".utf8)
    }
    if let file {
        let disposition = "form-data; name=\"\(file.name)\"; filename=\"\(file.fileName)\""
        bytes +=
            Array("--\(boundary)\r\nContent-Disposition: \(disposition)\r\nContent-Type: text/csv\r\n\r\n".utf8)
            + file.bytes + Array("\r\n".utf8)
    }
    return ("multipart/form-data; boundary=\(boundary)", bytes + Array("--\(boundary)--\r\n".utf8))
}
