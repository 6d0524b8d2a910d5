package import Base
package import HTTPTypes

/// Finds the route of a request in a tree of path segments; literal segments win over `{names}`.
package struct RouteTable: Sendable {
    package enum Match: Sendable {
        case found(Route, parameters: [String: String])
        case wrongMethod(allowed: [HTTPRequest.Method])
        case none
    }

    private final class Node: Sendable {
        let children: [String: Node]
        let parameter: Node?
        /// One to seven: a linear scan is faster than hashing.
        let routes: [(method: HTTPRequest.Method, route: Route, names: [String])]

        init(_ entries: [(rest: ArraySlice<Substring>, names: [String], route: Route)]) {
            var literal: [String: [(ArraySlice<Substring>, [String], Route)]] = [:]
            var open: [(ArraySlice<Substring>, [String], Route)] = []
            var here: [(method: HTTPRequest.Method, route: Route, names: [String])] = []
            for entry in entries {
                if let first = entry.rest.first {
                    if first.hasPrefix("{") {
                        open.append(
                            (entry.rest.dropFirst(), entry.names + [String(first.dropFirst().dropLast())], entry.route))
                    } else {
                        literal[String(first), default: []].append((entry.rest.dropFirst(), entry.names, entry.route))
                    }
                } else {
                    precondition(
                        !here.contains { $0.method == entry.route.method },
                        "two routes have \(entry.route.method) \(entry.route.path)")
                    here.append((entry.route.method, entry.route, entry.names))
                }
            }
            children = literal.mapValues { Node($0.map { (rest: $0.0, names: $0.1, route: $0.2) }) }
            parameter = open.isEmpty ? nil : Node(open.map { (rest: $0.0, names: $0.1, route: $0.2) })
            routes = here
        }

        func route(_ method: HTTPRequest.Method) -> (route: Route, names: [String])? {
            guard let index = routes.firstIndex(where: { $0.method == method }) else { return nil }
            return (routes[index].route, routes[index].names)
        }
    }

    private let root: Node
    /// The nodes of paths without `{names}`, by path. Most requests match one and need no segments.
    private let literal: [String: Node]

    package init(_ routes: [Route]) {
        let paths = routes.flatMap { route in ([route.path] + route.aliases).map { (path: $0, route: route) } }
        let root = Node(paths.map { (rest: Self.segments(of: $0.path), names: [], route: $0.route) })
        self.root = root
        var literal: [String: Node] = [:]
        for (path, _) in paths where !path.contains("{") {
            var values: [Substring] = []
            literal[path] = Self.find(root, Self.segments(of: path), &values)
        }
        self.literal = literal
    }

    /// - Parameter path: canonical as by ``canonicalPath(of:)``, percent-encoded.
    package func match(_ method: HTTPRequest.Method, _ path: String) throws(Problem) -> Match {
        var values: [Substring] = []
        guard let node = literal[path] ?? Self.find(root, Self.segments(of: path), &values) else { return .none }
        guard let (route, names) = node.route(method) ?? (method == .head ? node.route(.get) : nil) else {
            let declared = Set(node.routes.map(\.method))
            return .wrongMethod(
                allowed: declared.union(declared.contains(.get) ? [.head] : []).sorted { $0.rawValue < $1.rawValue })
        }
        if names.isEmpty { return .found(route, parameters: [:]) }
        var parameters: [String: String] = [:]
        for (name, value) in zip(names, values) {
            guard let decoded = FormText.decode(value, plusIsSpace: false) else {
                throw Problem(.invalidRequest, detail: "The percent-encoding of the path is invalid.")
            }
            parameters[name] = decoded
        }
        return .found(route, parameters: parameters)
    }

    private static func find(_ node: Node, _ rest: ArraySlice<Substring>, _ values: inout [Substring]) -> Node? {
        guard let first = rest.first else { return node.routes.isEmpty ? nil : node }
        if let child = node.children[String(first)], let found = find(child, rest.dropFirst(), &values) { return found }
        guard let child = node.parameter else { return nil }
        values.append(first)
        if let found = find(child, rest.dropFirst(), &values) { return found }
        values.removeLast()
        return nil
    }

    /// Paths at the root. Every other path is under `/v1` after a leading `/api` and then a leading `/v1` are removed.
    private static let rootPaths: Set<String> = [
        "/", "/health", "/ready", "/metrics", "/openapi.json", "/docs", "/docs/style.css", "/.well-known/jwks.json",
        "/socket.io", "/socket.io/",
    ]

    /// The path that a request is matched with: its canonical spelling, except where a route has the spelling below
    /// `/api` itself, because another route owns the canonical one. `/api/plans` may then be another route than
    /// `/api/v1/plans` and `/v1/plans`.
    package func path(of path: String) -> String {
        guard path.utf8.starts(with: "/api/".utf8) else { return Self.canonicalPath(of: path) }
        var values: [Substring] = []
        guard Self.find(root, Self.segments(of: path), &values) != nil else { return Self.canonicalPath(of: path) }
        return path
    }

    /// The canonical spelling of a path: `/api/v1/x`, `/api/x`, `/v1/x` and `/x` are all `/v1/x`.
    package static func canonicalPath(of path: String) -> String {
        // Most requests use the canonical spelling.
        if path.utf8.starts(with: "/v1/".utf8) { return path }
        if rootPaths.contains(path) || path.hasPrefix("/problems/") || path.hasPrefix("/console") { return path }
        if isSandboxPage(path) { return path }
        var rest = Substring(path)
        for prefix in ["/api", "/v1"] where rest == prefix || rest.hasPrefix(prefix + "/") {
            rest = rest.dropFirst(prefix.count)
        }
        return "/v1" + rest
    }

    /// `/sandbox/{id}` is a page at the root; `/sandbox/sessions` and what follows it are spellings of endpoints.
    private static func isSandboxPage(_ path: String) -> Bool {
        guard path.hasPrefix("/sandbox/") else { return false }
        let name = path.dropFirst("/sandbox/".count)
        return !name.isEmpty && name != "sessions" && !name.contains("/")
    }

    private static func segments<Path: StringProtocol>(of path: Path) -> ArraySlice<Substring> {
        let parts = Substring(path).split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        return parts.last?.isEmpty == true ? parts.dropLast() : parts
    }
}
