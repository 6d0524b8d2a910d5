import ArgumentParser

/// Measures Gatehouse and its baselines in one run, in interleaved rounds, and reports medians.
///
/// Each measured program runs in a process of its own, so that processor time and memory are its own. The hidden
/// subcommands are these processes.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gatehouse-bench",
        abstract: "Measure Gatehouse and its baselines.",
        subcommands: [
            MeasureCommand.self, ProveCommand.self, ProofWorkCommand.self, PayoutWorkCommand.self,
            WorkflowWorkCommand.self, RaceCommand.self, PairCommand.self,
            ServeCommand.self, SeedCommand.self, FollowCommand.self, SendWebhooksCommand.self, ReleaseCommand.self,
            ServeChatCommand.self, WriteCommand.self, RefreshCommand.self, ImportCommand.self, GenerateCommand.self,
            FixtureCommand.self,
        ],
        defaultSubcommand: MeasureCommand.self
    )
}
