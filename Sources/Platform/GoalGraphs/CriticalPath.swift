/// The chain of dependencies of a graph whose estimated times have the greatest sum.
package struct CriticalPath: Hashable, Sendable {
    /// Ids, the first node first.
    package let nodes: [String]
    /// The estimated time of the whole graph, where nodes that can run at the same time do.
    package let seconds: Double
    /// The estimated cost of these nodes.
    package let cost: MicroDollars
}
