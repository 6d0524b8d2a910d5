import ArgumentParser

/// Measures the house beside its baselines: one run, everything interleaved, medians.
///
/// What is measured runs in processes of its own, so that its processor time and its memory are nobody else's; those are the hidden subcommands.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gatehouse-bench",
        abstract: "Measures Gatehouse beside its baselines.",
        subcommands: [
            MeasureCommand.self, ProveCommand.self, ProofWorkCommand.self, RaceCommand.self, PairCommand.self,
            ServeCommand.self,
            WriteCommand.self, RefreshCommand.self, ImportCommand.self, GenerateCommand.self,
        ],
        defaultSubcommand: MeasureCommand.self
    )
}
