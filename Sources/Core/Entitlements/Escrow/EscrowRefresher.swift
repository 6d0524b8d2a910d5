import Modules
import ServiceLifecycle

/// Settles escrow blocks and writes heartbeats while the process serves. At shutdown it closes all blocks.
struct EscrowRefresher: Service {
    let escrow: EscrowService
    let logger: Logger

    private static let interval: Duration = .milliseconds(100)

    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            var heartbeat = EscrowHeartbeat(startingAt: .now)
            while !Task.isCancelled {
                do {
                    try await escrow.maintain(&heartbeat, logger: logger)
                } catch {
                    logger.warning(
                        "Escrow blocks could not be settled; the next pass tries again.",
                        metadata: ["cause": "\(error)"])
                }
                try? await Task.sleep(for: Self.interval)
            }
        }
        do { try await escrow.close() } catch {
            logger.warning(
                "Escrow blocks could not be closed; they count as used.", metadata: ["cause": "\(error)"])
        }
    }
}
