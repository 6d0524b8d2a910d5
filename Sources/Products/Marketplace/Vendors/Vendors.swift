import Modules

/// A place for events.
enum Venue: Sendable {}

/// A business that provides services at events.
enum ServiceProvider: Sendable {}

/// An entry of the catalogue of services, such as catering.
enum MarketplaceService: Sendable {}

/// What a provider offers of the catalogue, at its price.
enum ProviderService: Sendable {}

/// The slots of a vendor at a date.
enum Availability: Sendable {}

/// A plan that other events can begin with.
enum EventTemplate: Sendable {}
