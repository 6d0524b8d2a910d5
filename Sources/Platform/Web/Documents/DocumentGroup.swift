/// A group of endpoints in the documents: an OpenAPI tag, and a section of `/docs`.
package struct DocumentGroup: Sendable {
    package let title: String
    /// One sentence.
    package let description: String
    /// The first segments below `/v1` of the paths in the group, or the first two, such as `chat/completions`; empty
    /// for the group of the paths at the root.
    package let segments: Set<String>

    package init(_ title: String, _ description: String, segments: Set<String>) {
        self.title = title
        self.description = description
        self.segments = segments
    }

    /// The group of the paths at the root where none is given.
    private static let root = DocumentGroup("Service", "", segments: [])

    /// - Returns: the group of a route. A path that is in no group makes a group of its first segment.
    static func group(of route: Route, among groups: [DocumentGroup]) -> DocumentGroup {
        guard route.path.hasPrefix("/v1/") else { return groups.first { $0.segments.isEmpty } ?? root }
        let parts = route.path.dropFirst(4).split(separator: "/", omittingEmptySubsequences: false)
        let segment = String(parts[0])
        return groups.first { $0.segments.contains(parts.prefix(2).joined(separator: "/")) }
            ?? groups.first { $0.segments.contains(segment) } ?? DocumentGroup(segment, "", segments: [segment])
    }

    /// The routes by group: the given groups in their order, then the others by title. Groups without a route are left
    /// out.
    static func sections(_ routes: [Route], among groups: [DocumentGroup]) -> [(group: DocumentGroup, routes: [Route])]
    {
        let byTitle = Dictionary(grouping: routes) { group(of: $0, among: groups).title }
        let given = groups.map(\.title)
        let others = byTitle.keys.filter { !given.contains($0) }.sorted()
        return (given + others).compactMap { title in
            guard let routes = byTitle[title], let first = routes.first else { return nil }
            return (group(of: first, among: groups), routes)
        }
    }
}
