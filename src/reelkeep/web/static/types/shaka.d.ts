// The part of Shaka Player's interface that the page uses.
declare namespace shaka {
  class Player extends EventTarget {
    static isBrowserSupported(): boolean;
    constructor();
    attach(video: HTMLMediaElement): Promise<void>;
    load(uri: string, startTime?: number): Promise<void>;
    unload(): Promise<void>;
    destroy(): Promise<void>;
    configure(config: object): boolean;
    getVariantTracks(): Track[];
    selectVariantTrack(track: Track, clearBuffer?: boolean): void;
    getAudioTracks(): AudioTrack[];
    selectAudioTrack(track: AudioTrack): void;
    getNetworkingEngine(): NetworkingEngine | null;
  }
  interface Track {
    active: boolean;
    height: number | null;
    width: number | null;
    originalAudioId: string | null;
  }
  interface AudioTrack {
    active: boolean;
    label: string | null;
  }
  interface NetworkingEngine {
    registerRequestFilter(filter: (type: number, request: { uris: string[] }) => void): void;
  }
  namespace polyfill {
    function installAll(): void;
  }
}
