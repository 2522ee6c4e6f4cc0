//! Values as trees that lose nothing, and as flat token streams to send them.
