import Base
import Modules
import Secrets
import TestKit

@testable import Audit

/// Random changes to a trail that a client with write access to the database can make.
struct Tampering {
    private var random: SplitMix

    init(seed: UInt64) { random = SplitMix(seed: seed) }

    /// Makes one random change.
    /// - Returns: a description for the message of a failed test.
    mutating func tamper(with trail: inout AuditTrailFixture) throws -> String {
        let before = trail
        var change = ""
        // An attempt may leave the trail unchanged.
        while trail == before { change = try attempt(&trail) }
        return change
    }

    private mutating func attempt(_ trail: inout AuditTrailFixture) throws -> String {
        let index = pick(trail.rows.indices)
        switch pick(0..<12) {
        case 0...4: return try edit(&trail.rows[index])
        case 5:
            let removed = trail.rows.remove(at: index)
            return "removed \(removed.position)"
        case 6:
            // The count is changed to match. That is detectable only up to the newest checkpoint.
            let heads = trail.checkpoints.last?.heads ?? []
            guard
                heads.contains(where: {
                    $0.shard == trail.rows[index].shard && trail.rows[index].sequence <= $0.sequence
                })
            else { return "" }
            let removed = trail.rows.remove(at: index)
            trail.shards[removed.shard, default: 1] -= 1
            return "removed \(removed.position) and changed the count"
        case 7:
            let other = pick(trail.rows.indices)
            let (first, second) = (trail.rows[index], trail.rows[other])
            trail.rows[index] = first.moved(to: second.position)
            trail.rows[other] = second.moved(to: first.position)
            return "swapped \(first.position) and \(second.position)"
        case 8:
            let last = trail.shards[trail.rows[index].shard] ?? 0
            let copy = trail.rows[index].moved(
                to: AuditChainPosition(shard: trail.rows[index].shard, sequence: last + 1))
            trail.rows.append(copy)
            if pick(0..<2) == 0 { trail.shards[copy.shard] = last + 1 }
            return "copied \(trail.rows[index].position) to \(copy.position)"
        case 9: return truncate(&trail)
        case 10: return try change(&trail.checkpoints[pick(trail.checkpoints.indices)])
        default: return changeCounts(&trail)
        }
    }

    private mutating func edit(_ row: inout AuditRow) throws -> String {
        let position = row.position
        switch pick(0..<18) {
        case 0: row = row.moved(to: AuditChainPosition(shard: row.shard + Int64(pick(1..<5)), sequence: row.sequence))
        case 1: row = row.moved(to: AuditChainPosition(shard: row.shard, sequence: row.sequence + Int64(pick(1..<5))))
        case 2: row = row.with(id: altered(row.id))
        case 3: row = row.with(at: row.at + .microseconds(Int64(pick(-1_000_000..<1_000_000))))
        case 4: row = row.with(action: altered(row.action))
        case 5: row = row.with(outcome: pick(AuditEvent.Outcome.allCases).rawValue)
        case 6: row = row.with(organisation: row.organisation.map { altered($0) } ?? "organisation")
        case 7: row = row.with(subjectKind: altered(row.subjectKind))
        case 8...12:
            let field = pick(PersonalField.allCases)
            row.personal[field] = row.personal[field].map { pick(0..<4) == 0 ? nil : altered($0) } ?? "person-1"
        case 13: row.salt = row.salt.isEmpty ? "00" : pick(0..<4) == 0 ? "" : altered(row.salt)
        case 14: row.hash = altered(row.hash)
        case 15: row.seal = altered(row.seal)
        case 16:
            // An edit disguised as an erasure: the commitments remain valid.
            _ = try row.erase(
                [.details: .some("{}"), .subject: .some("erased-1")],
                by: pick(0..<2) == 0 ? "0198a000-0000-7000-8000-0000000000ff" : row.id)
        default: row.erasure = row.erasure.map { pick(0..<4) == 0 ? nil : altered($0) } ?? #"{"fields":{},"salts":{}}"#
        }
        return "edited \(position)"
    }

    /// Deletes the last rows of a shard, also some that the newest checkpoint covers, and changes the count to match.
    private mutating func truncate(_ trail: inout AuditTrailFixture) -> String {
        guard let head = trail.checkpoints.last?.heads.randomElement(using: &random) else { return "" }
        let kept = Int64(pick(0..<Int(head.sequence)))
        trail.rows.removeAll { $0.shard == head.shard && $0.sequence > kept }
        trail.shards[head.shard] = kept
        return "truncated shard \(head.shard) after \(kept)"
    }

    private mutating func change(_ checkpoint: inout AuditCheckpoint) throws -> String {
        let number = checkpoint.number
        // Signed with a key that is not the installation's.
        let key = AuditSigningKey(id: AuditTrailFixture.signing.id, key: .init())
        var heads = checkpoint.heads
        let index = pick(heads.indices)
        heads[index] = AuditCheckpoint.Head(
            shard: heads[index].shard, sequence: heads[index].sequence, hash: altered(heads[index].hash))
        checkpoint = try AuditCheckpoint(
            number: number, at: checkpoint.at, heads: heads, previous: checkpoint.previous, signedWith: key)
        return "signed checkpoint \(number) again"
    }

    private mutating func changeCounts(_ trail: inout AuditTrailFixture) -> String {
        switch pick(0..<6) {
        case 0:
            let removed = trail.checkpoints.remove(at: pick(trail.checkpoints.indices))
            return "removed checkpoint \(removed.number)"
        case 1:
            trail.checkpoints.swapAt(0, 1)
            return "swapped the checkpoints"
        case 2:
            trail.checkpointCount += Int64(pick([-1, 1]))
            return "changed the number of checkpoints"
        case 3:
            let shard = pick(Array(trail.shards.keys).sorted())
            trail.shards[shard, default: 0] += Int64(pick([-1, 1, 7]))
            return "changed the count of shard \(shard)"
        case 4:
            let shard = pick(Array(trail.shards.keys).sorted())
            trail.shards[shard] = nil
            return "removed shard \(shard)"
        default:
            trail.checkpoints.append(trail.checkpoints[0])
            return "copied checkpoint 1"
        }
    }

    /// The text with one character changed, inserted or removed.
    private mutating func altered(_ text: String) -> String {
        var characters = Array(text)
        switch characters.isEmpty ? 1 : pick(0..<3) {
        case 0:
            let index = pick(characters.indices)
            characters[index] = characters[index] == "0" ? "1" : "0"
        case 1: characters.insert("7", at: pick(0..<(characters.count + 1)))
        default: characters.remove(at: pick(characters.indices))
        }
        return String(characters)
    }

    private mutating func pick<Choices: Collection>(_ choices: Choices) -> Choices.Element {
        guard let choice = choices.randomElement(using: &random) else {
            preconditionFailure("the collection must not be empty")
        }
        return choice
    }
}

extension AuditRow {
    /// A copy of the row with other values in the given columns.
    func with(
        shard: Int64? = nil, sequence: Int64? = nil, id: String? = nil, at: Instant? = nil, action: String? = nil,
        outcome: String? = nil,
        organisation: String? = nil, subjectKind: String? = nil
    ) -> AuditRow {
        AuditRow(
            shard: shard ?? self.shard, sequence: sequence ?? self.sequence, id: id ?? self.id, at: at ?? self.at,
            action: action ?? self.action,
            outcome: outcome ?? self.outcome, organisation: organisation ?? self.organisation,
            subjectKind: subjectKind ?? self.subjectKind,
            personal: personal, salt: salt, erasure: erasure, hash: hash, seal: seal
        )
    }

    func moved(to position: AuditChainPosition) -> AuditRow {
        with(shard: position.shard, sequence: position.sequence)
    }
}
