import Base
import NIOCore
import Outbound
import Synchronization
import TestKit
import Testing

@Suite struct UserURLClientTests {
    /// What names resolve to, and the names that were looked up. A name has its last answer for good.
    private final class Names: Sendable {
        private let answers: Mutex<[String: [[String]]]>
        private let asked = Mutex<[String]>([])

        init(_ answers: [String: [[String]]]) { self.answers = Mutex(answers) }

        var lookedUp: [String] { asked.withLock { $0 } }

        var resolver: AddressResolver {
            AddressResolver { [self] name in
                asked.withLock { $0.append(name) }
                let texts = answers.withLock { answers -> [String] in
                    guard let list = answers[name], let first = list.first else { return [] }
                    if list.count > 1 { answers[name] = Array(list.dropFirst()) }
                    return first
                }
                return texts.compactMap { NetworkAddress($0) }
            }
        }
    }

    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"

    /// A client that may reach 127.0.0.1, and no other address of this machine.
    private func client(_ names: Names = Names([:])) throws -> UserURLClient {
        UserURLClient(policy: try AddressPolicy(privateNetworks: ["127.0.0.1"]), resolver: names.resolver)
    }

    private func failure(_ client: UserURLClient, _ request: UserURLRequest) async -> String? {
        do throws(UserURLFailure) {
            _ = try await client.send(request)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func `the connection is made to the address that was checked, with the URL's host`() async throws {
        try await ScriptedServer.with(.bytes(Self.ok)) { server in
            // No resolver knows this name, so that a second look-up would fail.
            let names = Names(["hooks.invalid": [["127.0.0.1"]]])
            let response = try await client(names).send(
                UserURLRequest(
                    "POST", try UserURL("http://hooks.invalid:\(server.port)/a?b=c"),
                    headers: [
                        (name: "X-Sent", value: "1"), (name: "Host", value: "other"),
                        (name: "Transfer-Encoding", value: "chunked"), (name: "Content-Length", value: "1"),
                    ], body: Array("content".utf8)))
            #expect(response.status == 200)
            #expect(response.body == Array("body".utf8))
            let request = try #require(server.requests.first).lowercased()
            #expect(request.hasPrefix("post /a?b=c http/1.1\r\n"))
            #expect(request.contains("\r\nhost: hooks.invalid:\(server.port)\r\n"))
            #expect(request.contains("\r\nx-sent: 1\r\n") && request.contains("\r\ncontent-length: 7\r\n"))
            #expect(!request.contains("other") && !request.contains("chunked"))
            #expect(names.lookedUp == ["hooks.invalid"])
        }
    }

    @Test func `a name that points elsewhere later is refused, also while a connection is open`() async throws {
        try await ScriptedServer.with(.bytes(Self.ok)) { server in
            let names = Names(["rebind.invalid": [["127.0.0.1"], ["127.0.0.1"], ["169.254.169.254"]]])
            let client = try client(names)
            let request = UserURLRequest("GET", try UserURL("http://rebind.invalid:\(server.port)/"))
            for _ in 1...2 { #expect(try await client.send(request).status == 200) }
            #expect(await failure(client, request) == "\(UserURLFailure.notAllowed)")
            #expect(names.lookedUp.count == 3)
            #expect(server.requests.count == 2)
        }
    }

    @Test(arguments: [
        ["127.0.0.2"], ["127.0.0.1", "127.0.0.2"], ["::1"], ["127.0.0.1", "::ffff:10.0.0.1"], ["0.0.0.0"],
        ["64:ff9b::7f00:2"], ["2002:7f00:1::1"],
    ])
    func `a name of which one address is not allowed is not reached at all`(addresses: [String]) async throws {
        try await ScriptedServer.with(.bytes(Self.ok)) { server in
            let names = Names(["mixed.invalid": [addresses]])
            let url = try UserURL("http://mixed.invalid:\(server.port)/")
            #expect(await failure(try client(names), UserURLRequest("GET", url)) == "\(UserURLFailure.notAllowed)")
            await #expect(throws: UserURLFailure.self) { try await client(names).check(url) }
            #expect(server.requests.isEmpty)
        }
    }

    @Test(arguments: [
        "127.0.0.2", "[::1]", "[::ffff:127.0.0.2]", "169.254.169.254", "0.0.0.0", "localhost", "localhost.",
    ])
    func `addresses of this machine and metadata are refused without a connection`(host: String) async throws {
        let policy = try AddressPolicy(privateNetworks: ["127.0.0.1/32"])
        let names = Names(["localhost": [["127.0.0.2"], ["::1"]]])
        let client = UserURLClient(policy: policy, resolver: names.resolver)
        for scheme in ["http", "https"] {
            let request = UserURLRequest("GET", try UserURL("\(scheme)://\(host)/"))
            #expect(await failure(client, request) == "\(UserURLFailure.notAllowed)")
        }
    }

    @Test func `a public host is reached over https alone`() async throws {
        let client = try client(Names(["public.invalid": [["8.8.8.8"]]]))
        #expect(
            await failure(client, UserURLRequest("GET", try UserURL("http://public.invalid/")))
                == "\(UserURLFailure.notAllowed)")
        try await client.check(UserURL("https://public.invalid/"))
    }

    @Test func `the handshake names the host of the URL, and without a certificate there is no request`() async throws {
        try await ScriptedServer.with(.closeAtOnce) { server in
            let names = Names(["secure.invalid": [["127.0.0.1"]]])
            let request = UserURLRequest("GET", try UserURL("https://secure.invalid:\(server.port)/secret"))
            #expect(await failure(try client(names), request) == "\(UserURLFailure.failed(.broken))")
            let hello = try #require(server.requests.first)
            #expect(hello.contains("secure.invalid"))
            #expect(!hello.contains("/secret"))
        }
    }

    @Test func `an address that refuses is followed by the next one, and the number of both is bounded`() async throws {
        let policy = try AddressPolicy(privateNetworks: ["127.0.0.0/8"])
        try await ScriptedServer.with(.bytes(Self.ok), host: "127.0.0.9") { server in
            let names = Names([
                "third.invalid": [["127.0.0.7", "127.0.0.8", "127.0.0.9"]],
                "fourth.invalid": [["127.0.0.6", "127.0.0.7", "127.0.0.8", "127.0.0.9"]],
            ])
            let client = UserURLClient(policy: policy, resolver: names.resolver)
            let third = UserURLRequest("GET", try UserURL("http://third.invalid:\(server.port)/"))
            #expect(try await client.send(third).status == 200)
            let fourth = UserURLRequest("GET", try UserURL("http://fourth.invalid:\(server.port)/"))
            #expect(await failure(client, fourth) == "\(UserURLFailure.failed(.unreachable))")
        }
    }

    @Test func `a name without an address is an unknown host`() async throws {
        let request = UserURLRequest("GET", try UserURL("https://nothing.invalid/"))
        #expect(await failure(try client(), request) == "\(UserURLFailure.unknownHost)")
        let failing = UserURLClient(
            policy: .publicAddresses, resolver: AddressResolver { _ in throw ChannelError.operationUnsupported })
        #expect(await failure(failing, request) == "\(UserURLFailure.unknownHost)")
    }

    @Test func `the resolver of the system finds localhost, and no name that does not exist`() async throws {
        try await ScriptedServer.with(.bytes(Self.ok)) { server in
            let client = UserURLClient(policy: try AddressPolicy(privateNetworks: ["127.0.0.1", "::1"]))
            let request = UserURLRequest("GET", try UserURL("http://localhost:\(server.port)/"))
            #expect(try await client.send(request).status == 200)
            let unknown = UserURLRequest("GET", try UserURL("https://name.invalid/"))
            #expect(await failure(client, unknown) == "\(UserURLFailure.unknownHost)")
        }
    }

    // MARK: Redirects

    @Test func `a redirect is returned where none are followed, and for a request with effects`() async throws {
        try await ScriptedServer.with(.bytes("HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n")) {
            server in
            let url = try UserURL(server.url)
            #expect(try await client().send(UserURLRequest("GET", url)).status == 302)
            #expect(try await client().send(UserURLRequest("POST", url, redirectsMax: 5)).status == 302)
            #expect(server.requests.count == 2)
        }
    }

    @Test func `a redirect is followed to another host, without the fields of the first`() async throws {
        try await ScriptedServer.with(.bytes(Self.ok)) { target in
            let location =
                "HTTP/1.1 307 T\r\nLocation: http://b.invalid:\(target.port)/c#d\r\nContent-Length: 0\r\n\r\n"
            try await ScriptedServer.with(.bytes(location)) { server in
                let names = Names(["a.invalid": [["127.0.0.1"]], "b.invalid": [["127.0.0.1"]]])
                let request = UserURLRequest(
                    "GET", try UserURL("http://a.invalid:\(server.port)/"),
                    headers: [(name: "Authorization", value: "secret")], redirectsMax: 1)
                #expect(try await client(names).send(request).status == 200)
                #expect(server.requests.first?.contains("secret") == true)
                let second = try #require(target.requests.first)
                #expect(second.hasPrefix("GET /c HTTP/1.1\r\n"))
                #expect(!second.contains("secret"))
            }
        }
    }

    @Test(arguments: [
        ("http://127.0.0.2/", UserURLFailure.notAllowed), ("http://2130706434/", .badRedirect),
        ("//169.254.169.254/latest/meta-data", .notAllowed), ("file:///etc/passwd", .badRedirect),
        ("http://private.invalid/", .notAllowed), ("http://user@127.0.0.1/", .badRedirect),
        ("gopher://127.0.0.1:6379/_", .badRedirect), ("/loop", .badRedirect), ("http://127.0.0.1:6379/", .badRedirect),
        ("http://[::ffff:127.0.0.2]/", .notAllowed), ("http://8.8.8.8/", .notAllowed),
    ])
    func `the target of a redirect is held against the same rules`(location: String, expected: UserURLFailure)
        async throws
    {
        let response = "HTTP/1.1 302 Found\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n"
        try await ScriptedServer.with(.bytes(response)) { server in
            let names = Names(["private.invalid": [["10.0.0.1"]]])
            let request = UserURLRequest("GET", try UserURL(server.url), redirectsMax: 3)
            #expect(await failure(try client(names), request) == "\(expected)")
            #expect(server.requests.count == (location == "/loop" ? 4 : 1))
        }
    }

    // MARK: Bounds

    @Test(arguments: [
        ScriptedServer.Action.ignore,
        .trickle("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", every: .milliseconds(20)),
        .trickle("HTTP/1.1 200 OK\r\nX-Slow: ", every: .milliseconds(20)),
        .bytes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
    ])
    func `a service that is slow in any way ends in time`(action: ScriptedServer.Action) async throws {
        try await ScriptedServer.with(action) { server in
            let start = ContinuousClock.now
            let request = UserURLRequest("GET", try UserURL(server.url), timeout: .milliseconds(200))
            #expect(await failure(try client(), request) == "\(UserURLFailure.failed(.timedOut))")
            #expect(ContinuousClock.now - start < .seconds(5))
        }
    }

    @Test func `a look-up that does not end is given up in time`() async throws {
        let client = UserURLClient(
            policy: .publicAddresses,
            resolver: AddressResolver { _ in
                try await Task.sleep(for: .seconds(600))
                return []
            })
        let request = UserURLRequest("GET", try UserURL("https://slow.invalid/"), timeout: .milliseconds(50))
        #expect(await failure(client, request) == "\(UserURLFailure.failed(.timedOut))")
    }

    @Test func `a cancelled task ends its request`() async throws {
        try await ScriptedServer.with(.ignore) { server in
            let (client, request) = (try client(), UserURLRequest("GET", try UserURL(server.url)))
            let task = Task { await failure(client, request) }
            while server.requests.isEmpty { await Task.yield() }
            task.cancel()
            #expect(await task.value == "\(UserURLFailure.failed(.cancelled))")
        }
    }

    private enum Excess: CaseIterable {
        case body, field, fields, notHTTP

        var response: String {
            switch self {
            case .body: "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n01234567890"
            case .field: "HTTP/1.1 200 OK\r\nX-Long: \(String(repeating: "x", count: 100_000))\r\n\r\n"
            case .fields:
                "HTTP/1.1 200 OK\r\n" + (0..<300).map { "X-\($0): 1\r\n" }.joined() + "Content-Length: 0\r\n\r\n"
            case .notHTTP: "this is not HTTP\r\n\r\n"
            }
        }
    }

    @Test(arguments: Excess.allCases)
    private func `a response beyond the bounds is a failure`(excess: Excess) async throws {
        try await ScriptedServer.with(.bytes(excess.response)) { server in
            let request = UserURLRequest("GET", try UserURL(server.url), responseBytesMax: 10)
            let expected = UserURLFailure.failed(excess == .body ? .tooLarge : .broken)
            #expect(await failure(try client(), request) == "\(expected)")
        }
    }

    @Test func `field values that would begin another line are refused, and nothing is sent`() async throws {
        try await ScriptedServer.with(.bytes(Self.ok)) { server in
            let request = UserURLRequest(
                "GET", try UserURL(server.url), headers: [(name: "X-A", value: "b\r\nX-C: d")])
            #expect(await failure(try client(), request) != nil)
            #expect(server.requests.isEmpty)
        }
    }
}
