import App
import Base
import Identity
import Modules
import TestKit

@testable import Entitlements

/// Test routes that cost credits: `POST /v1/ideas` costs one credit on trial, `POST /v1/dreams` costs three on every
/// plan, and `POST /v1/journeys` reserves four on trial.
struct CreditRoutesFixture: Sendable {
    let dispatcher: RequestDispatcher

    struct Receipt: Payload {
        var hold: ID<CreditHold>?
        var remaining: Int64
    }

    init(_ app: TestApp) {
        let (identity, entitlements, database) = (app.app.identity, app.app.entitlements, app.app.database)
        let service = entitlements.credits
        @Sendable func spend(_ charge: CreditCharge, _ key: String?) async throws -> Receipt {
            let operation = charge.operation(key: key ?? "test-\(Int.random(in: 0..<Int.max))")
            return try await database.write { transaction in
                try service.spend(charge, operation: operation, in: transaction)
                return Receipt(remaining: try service.balance(of: charge.organisation, in: transaction).available)
            }
        }
        let routes: [Route] = [
            .post(
                "ideas", "Spend one credit", requires: identity.member, entitlements.credits(1),
                .header(.idempotencyKey)
            ) { _, charge, key in
                Created(try await spend(charge, key))
            },
            .post(
                "dreams", "Spend three credits", requires: identity.member, entitlements.credits(3, of: .all),
                .header(.idempotencyKey)
            ) { _, charge, key in
                Created(try await spend(charge, key))
            },
            .post(
                "journeys", "Reserve four credits", requires: identity.member, entitlements.credits(4),
                .header(.idempotencyKey), problems: [.operationConflict]
            ) {
                (payload: Adjustment, scope, charge, key) in
                let operation = charge.operation(key: key ?? "test-\(Int.random(in: 0..<Int.max))")
                let receipt = try await database.write { transaction in
                    let hold = try service.reserve(
                        charge, operation: operation, fingerprint: payload.plan ?? "", in: transaction)
                    return Receipt(
                        hold: hold, remaining: try service.balance(of: scope.organisation, in: transaction).available)
                }
                return Created(receipt)
            },
        ]
        dispatcher = RequestDispatcher(
            routes: routes, corsOrigins: [], metrics: app.app.metrics, logger: app.app.logger, runtime: .system)
    }
}
