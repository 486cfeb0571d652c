//! A disk that keeps nothing but what was synced: a layer between SQLite and the files.
//!
//! Files are read and written as ever, but what a power loss would leave of them is known at every moment: what was
//! there when they were last synced, and of what was written since whatever the disk happened to write already.

use std::collections::HashMap;
use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use rusqlite::ffi;

/// Contents by the names of files.
pub type Image = HashMap<PathBuf, Vec<u8>>;

/// Called before each sync.
type Hook = Arc<dyn Fn() + Send + Sync>;

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Default)]
struct Tracked {
    synced: Vec<u8>,
    /// Since then.
    unsynced: Vec<Change>,
}

#[derive(Default)]
struct Disk {
    /// Files below it are tracked.
    folder: Option<PathBuf>,
    files: HashMap<PathBuf, Tracked>,
    /// Open files of SQLite, by their addresses.
    open: HashMap<usize, (PathBuf, usize)>,
    before_sync: Option<Hook>,
    /// The disk says that it has synced and has not.
    lies: bool,
    /// There is no space for what is written.
    is_full: bool,
}

static DISK: Mutex<Option<Disk>> = Mutex::new(None);

fn disk<T>(with: impl FnOnce(&mut Disk) -> T) -> T {
    let mut disk: MutexGuard<'_, Option<Disk>> = DISK.lock().unwrap_or_else(PoisonError::into_inner);
    with(disk.get_or_insert_default())
}

/// Held by the test whose files are tracked.
pub struct Tracking(#[expect(dead_code)] MutexGuard<'static, ()>);

impl Drop for Tracking {
    fn drop(&mut self) {
        disk(|disk| disk.track(None));
    }
}

impl Disk {
    fn tracks(&self, path: &Path) -> bool {
        self.folder.as_ref().is_some_and(|folder| path.starts_with(folder))
    }

    /// Files that are open stay known: whoever writes them may not have ended.
    fn track(&mut self, folder: Option<PathBuf>) {
        *self = Disk { folder, open: std::mem::take(&mut self.open), ..Disk::default() };
    }
}

/// Files below `folder` are tracked for a while. Tests that track files wait for one another.
pub fn track(folder: &Path, lies: bool, before_sync: impl Fn() + Send + Sync + 'static) -> Tracking {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(register);
    disk(|disk| {
        disk.track(Some(folder.to_owned()));
        disk.lies = lies;
        disk.before_sync = Some(Arc::new(before_sync));
    });
    Tracking(turn)
}

/// From now on there is no space, or is again.
pub fn set_full(is_full: bool) {
    disk(|disk| disk.is_full = is_full);
}

/// What a power loss leaves now. `keeps` says of each change that was not synced how much of it is there.
pub fn image(mut keeps: impl FnMut(usize) -> usize) -> Image {
    disk(|disk| {
        let files = disk.files.iter().map(|(path, tracked)| {
            let mut bytes = tracked.synced.clone();
            for change in &tracked.unsynced {
                match change {
                    Change::Write(at, written) => {
                        let kept = &written[..keeps(written.len())];
                        if !kept.is_empty() {
                            bytes.resize(bytes.len().max(at + kept.len()), 0);
                            bytes[*at..][..kept.len()].copy_from_slice(kept);
                        }
                    }
                    Change::Truncate(length) if keeps(1) == 1 => bytes.truncate(*length),
                    Change::Truncate(_) => {}
                }
            }
            (path.clone(), bytes)
        });
        files.collect()
    })
}

type Open = unsafe extern "C" fn(
    *mut ffi::sqlite3_vfs,
    ffi::sqlite3_filename,
    *mut ffi::sqlite3_file,
    c_int,
    *mut c_int,
) -> c_int;

type Delete = unsafe extern "C" fn(*mut ffi::sqlite3_vfs, *const c_char, c_int) -> c_int;

static ORIGINALS: Mutex<Option<(Open, Delete)>> = Mutex::new(None);

fn originals() -> (Open, Delete) {
    ORIGINALS.lock().unwrap_or_else(PoisonError::into_inner).unwrap()
}

/// Makes the layer the way in which SQLite opens files.
fn register() {
    // SAFETY: the table of the system's layer lives as long as the process; ours is leaked.
    unsafe {
        ffi::sqlite3_initialize();
        let system = ffi::sqlite3_vfs_find(std::ptr::null());
        let mut layer = Box::new(std::ptr::read(system));
        *ORIGINALS.lock().unwrap() = layer.xOpen.zip(layer.xDelete);
        layer.xOpen = Some(open);
        layer.xDelete = Some(delete);
        layer.zName = c"lossy".as_ptr();
        ffi::sqlite3_vfs_register(Box::leak(layer), 1);
    }
}

/// SQLite syncs the folder where that matters.
unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    // SAFETY: passed on as it came.
    unsafe {
        let path = PathBuf::from(CStr::from_ptr(name).to_str().unwrap());
        disk(|disk| disk.files.remove(&path));
        originals().1(vfs, name, sync_folder)
    }
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: passed on as it came; a file that was opened has its methods.
    unsafe {
        let result = originals().0(vfs, name, file, flags, out_flags);
        if result != ffi::SQLITE_OK || name.is_null() {
            return result;
        }
        let path = PathBuf::from(CStr::from_ptr(name).to_str().unwrap());
        disk(|disk| {
            if !disk.tracks(&path) {
                return;
            }
            let original = (*file).pMethods;
            let mut methods = Box::new(std::ptr::read(original));
            methods.xWrite = Some(write);
            methods.xTruncate = Some(truncate);
            methods.xSync = Some(sync);
            // Mapped pages would be written past this layer.
            methods.iVersion = methods.iVersion.min(2);
            (*file).pMethods = Box::leak(methods);
            disk.open.insert(file as usize, (path.clone(), original as usize));
            disk.files.entry(path).or_default();
        });
        result
    }
}

/// What the system's layer does with an open file; notes a change of it before.
unsafe fn original(file: *mut ffi::sqlite3_file, change: Option<Change>) -> *const ffi::sqlite3_io_methods {
    disk(|disk| {
        let (path, methods) = disk.open[&(file as usize)].clone();
        if let Some(change) = change.filter(|_| disk.tracks(&path)) {
            disk.files.entry(path).or_default().unsynced.push(change);
        }
        methods as *const ffi::sqlite3_io_methods
    })
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, bytes: *const c_void, length: c_int, at: i64) -> c_int {
    if disk(|disk| disk.is_full && disk.tracks(&disk.open[&(file as usize)].0)) {
        return ffi::SQLITE_FULL;
    }
    // SAFETY: SQLite gives `length` bytes and the file that was opened.
    unsafe {
        let written = std::slice::from_raw_parts(bytes.cast::<u8>(), length as usize).to_vec();
        let methods = original(file, Some(Change::Write(at as usize, written)));
        (*methods).xWrite.unwrap()(file, bytes, length, at)
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, length: i64) -> c_int {
    // SAFETY: as in `write`.
    unsafe {
        let methods = original(file, Some(Change::Truncate(length as usize)));
        (*methods).xTruncate.unwrap()(file, length)
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    if let Some(hook) = disk(|disk| disk.before_sync.clone()) {
        hook();
    }
    // SAFETY: as in `write`.
    let methods = unsafe { original(file, None) };
    disk(|disk| {
        let Some((path, _)) = disk.open.get(&(file as usize)).cloned() else { return };
        if !disk.lies
            && let Some(tracked) = disk.files.get_mut(&path)
        {
            tracked.unsynced.clear();
            tracked.synced = std::fs::read(&path).unwrap_or_default();
        }
    });
    // SAFETY: as in `write`.
    unsafe { (*methods).xSync.unwrap()(file, flags) }
}
