import Identity
import Modules

struct CreditRoutes {
    let identity: IdentityModule
    let statements: CreditStatementService
    let corrections: CreditCorrectionService

    var routes: [Route] {
        [
            .get(
                "credits", "The available credits and their lots",
                requires: identity.member.allowing(.entitlementsCheck)
            ) { scope in
                try await statements.statement(of: scope.organisation)
            },
            .get(
                "credits/balance",
                "The balances of credits at a moment",
                requires: identity.member.allowing(.entitlementsCheck), .query("as_of", of: Instant.self)
            ) { scope, moment in try await statements.balance(of: scope.organisation, at: moment) },
            .get(
                "credits/entries",
                "List the postings to the credits, newest first",
                requires: identity.member.allowing(.entitlementsCheck), .query("as_of", of: Instant.self),
                .query("limit", 1...200, default: 50),
                .query("offset", 0...1_000_000, default: 0)
            ) { scope, moment, limit, offset in
                try await statements.entries(of: scope.organisation, until: moment, limit: limit, offset: offset)
            },
            .get(
                "admin/credits/{user_id}", "An account's credits", requires: identity.role(.admin),
                .path("user_id", of: Person.self)
            ) { _, person in
                try await statements.statement(of: person)
            },
            .get(
                "admin/credits/{user_id}/entries",
                "List the postings to an account's credits, newest first",
                requires: identity.role(.admin), .path("user_id", of: Person.self), .query("as_of", of: Instant.self),
                .query("limit", 1...200, default: 50),
                .query("offset", 0...1_000_000, default: 0)
            ) { _, person, moment, limit, offset in
                try await statements.entries(of: person, until: moment, limit: limit, offset: offset)
            },
            .post(
                "admin/credits/{user_id}/corrections",
                "Grant or revoke credits of an account by a correcting entry",
                requires: identity.role(.admin), .path("user_id", of: Person.self), .header(.idempotencyKey),
                problems: [.creditsNotAvailable, .alreadyCorrected, .operationConflict]
            ) { (correction: CreditCorrection, scope, person, key) in
                Created(try await corrections.correct(correction, key: key, scope: scope, person: person))
            },
        ]
    }
}
