import Modules
import Secrets
import Synchronization

/// Verified tokens, by the SHA-256 of their text: bounded, in shards so that threads rarely wait for one another.
///
/// Each shard has two generations; when the young one is full it becomes the old one, and what is asked for moves back. So
/// the cache forgets roughly the least recently used without keeping a list.
struct TokenCache: Sendable {
    private struct Generations {
        var young: [[UInt8]: VerifiedToken] = [:]
        var old: [[UInt8]: VerifiedToken] = [:]
    }

    private final class Shard: Sendable {
        let generations = Mutex(Generations())
    }

    private let shards = (0..<16).map { _ in Shard() }
    private static let capacityPerGeneration = 2_048

    static func key(of token: String) -> [UInt8] { Digest.sha256(token.utf8) }

    func token(for key: [UInt8]) -> VerifiedToken? {
        shards[Int(key[0] & 15)].generations.withLock { generations in
            if let token = generations.young[key] { return token }
            guard let token = generations.old[key] else { return nil }
            generations.young[key] = token
            return token
        }
    }

    func remember(_ token: VerifiedToken, for key: [UInt8]) {
        shards[Int(key[0] & 15)].generations.withLock { generations in
            generations.young[key] = token
            if generations.young.count >= Self.capacityPerGeneration {
                generations.old = generations.young
                generations.young = [:]
            }
        }
    }

    func forget(_ key: [UInt8]) {
        shards[Int(key[0] & 15)].generations.withLock { generations in
            generations.young[key] = nil
            generations.old[key] = nil
        }
    }
}
