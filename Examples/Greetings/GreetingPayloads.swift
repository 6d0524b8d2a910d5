import Modules

/// The body of `POST /v1/greetings`.
struct NewGreeting: Payload {
    var name: String

    static let rules: [String: Rule] = ["name": .length(1...100)]
}

struct GreetingView: Payload {
    var id: ID<Greeting>
    var name: String
    var state: Greeting.State
    var text: String?
    var createdAt: Instant

    init(_ greeting: Greeting) {
        id = greeting.id
        name = greeting.name
        state = greeting.state
        text = greeting.text
        createdAt = greeting.createdAt
    }
}

struct GreetingList: Payload {
    var greetings: [GreetingView]
}
