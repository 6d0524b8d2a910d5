import Storage

/// The kinds of jobs that share slots. A lane has slots of its own, so that its jobs do not wait for those of another.
package enum JobLane: String, Sendable, CaseIterable, SQLBindable, SQLReadable {
    /// Maintenance: short jobs that other parts of the service depend on.
    case system
    /// Deliveries of e-mails.
    case mail
    /// Short work that waits for other services. Organisations share the slots: see ``LaneClaim/organisationMax``.
    case outbound
    /// Deliveries of webhooks, which wait for servers of organisations that may not answer. Organisations share the
    /// slots in the same way.
    case webhooks
    /// Computations of minutes or hours. Organisations share the slots in the same way.
    case compute
    /// Computations that read their data a fixed number of times. They never wait for those of ``compute``, and
    /// organisations share the slots in the same way.
    case short
    /// Exports of personal data, which read everything about a person.
    case export
}

/// What a runner may claim in one lane.
struct LaneClaim: Sendable {
    let lane: JobLane
    /// The kinds of jobs that the runner has workers for.
    let kinds: JobKinds
    /// The number of free slots.
    var count: Int
    /// The jobs of one organisation that may run at once, in all processes together; nil without a limit. With a limit
    /// the organisation with the fewest running jobs is next.
    let organisationMax: Int?
}
