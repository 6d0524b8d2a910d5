import Identity

/// A caller with subscriptions in this process: they share its scope, and one check of its access is that of all of
/// them.
final class TopicCaller: Sendable {
    let scope: Scope

    init(_ scope: Scope) { self.scope = scope }

    /// How long a subscription of the caller lasts.
    var lifetime: Duration {
        scope.impersonator == nil ? SubscriptionService.lifetime : SubscriptionService.impersonatedLifetime
    }
}

extension TopicCaller: Hashable {
    /// Whether two requests come from one client in one organisation.
    static func == (left: TopicCaller, right: TopicCaller) -> Bool {
        let (one, other) = (left.scope, right.scope)
        return one.credential == other.credential && one.organisation == other.organisation
            && one.person == other.person && one.impersonator == other.impersonator
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(scope.credential)
        hasher.combine(scope.organisation)
    }
}
