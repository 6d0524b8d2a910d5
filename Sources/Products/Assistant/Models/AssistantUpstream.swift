package import Models

/// A service that answers conversations, with its share of them.
package struct AssistantUpstream: Sendable {
    package let name: String
    package let upstream: ModelUpstream
    /// Its share among the services with the same model; 0 for one that is asked where the others fail.
    package let weight: Int
    /// The names that clients use, the first one by default, and those of the service.
    package let models: [(name: String, atService: String)]

    package init(name: String, upstream: ModelUpstream, weight: Int, models: [(name: String, atService: String)]) {
        self.name = name
        self.upstream = upstream
        self.weight = weight
        self.models = models
    }
}
