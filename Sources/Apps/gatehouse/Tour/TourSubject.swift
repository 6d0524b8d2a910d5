import ArgumentParser

/// What a tour demonstrates.
enum TourSubject: String, CaseIterable, ExpressibleByArgument {
    case training
    case sandbox
    case marketplace
    case workflows
    case assistant
}
