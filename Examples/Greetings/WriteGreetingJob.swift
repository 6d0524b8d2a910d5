import Identity
import Modules

/// Writes the text of one greeting.
struct WriteGreetingJob: Job {
    static let name = "greetings.write"
    static let attemptsMax = 3

    let greeting: ID<Greeting>
    let organisation: ID<Organisation>

    init(_ greeting: Greeting) {
        self.greeting = greeting.id
        organisation = greeting.organisation
    }

    static func options(_ greeting: Greeting) -> JobOptions {
        JobOptions(organisation: greeting.organisation.text, maximumAttempts: attemptsMax)
    }

    static func worker(_ greetings: GreetingService) -> Worker {
        Worker(
            WriteGreetingJob.self,
            perform: { job, _ in
                guard let greeting = try await greetings.queued(job.greeting, of: job.organisation) else {
                    return .done
                }
                let text = try greeting.composed()
                // In the transaction that completes the job: a worker that has lost its lease writes nothing.
                return .done { try greetings.complete(greeting, text: text, in: $0) }
            },
            abandoned: { job, _, transaction in
                try greetings.abandon(job.greeting, of: job.organisation, in: transaction)
            }
        )
    }
}
